"""A session: variables, a half-run generator and an open cursor, asleep and awake again."""

from edgemesh_sandbox import Limits, Sandbox

with Sandbox() as sandbox:
    session = sandbox.session()
    session.run(
        "import sqlite3\n"
        "db = sqlite3.connect('/tmp/rows.db')\n"
        "_ = db.execute('create table rows (n)')\n"
        "_ = db.executemany('insert into rows values (?)', [(n,) for n in range(5)])\n"
        "cursor = db.execute('select n from rows')\n"
        "squares = (n * n for n in range(10))"
    )
    print("before:", session.run("cursor.fetchone()[0], next(squares)").result)

    asleep = session.sleep()  # bytes: keep them, or send them to another machine
    print("asleep:", len(asleep) // 1024, "KiB")
    session = sandbox.wake(asleep)
    print("after:", session.run("cursor.fetchone()[0], next(squares)").result)

    stopped = session.run("squares = None\nwhile True: pass", limits=Limits(run_time_ms=100))
    print("stopped:", stopped.outcome.name, "kept:", stopped.kept)

    with session.fork() as fork:
        print("fork:", fork.run("next(squares)").result)
    session.undo()
    print("undone:", session.run("cursor.fetchone()[0], next(squares)").result)
    print("it has:", [variable.name for variable in session.inspect().variables])
    session.close()
