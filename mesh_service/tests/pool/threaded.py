"""A module that a zygote must not have imported: a thread of it runs."""

import threading

threading.Thread(target=threading.Event().wait, daemon=True).start()
