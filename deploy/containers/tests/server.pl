# Stands for an executor: says its version to who connects, and finishes on SIGTERM.
use strict;
use Fcntl qw(:flock);
use IO::Socket::INET;

$| = 1;
my $version = $ENV{VERSION};
if ($version =~ /ends/) {
    print "cpp: EDGEMESH_CPP_SECRET: required\n";
    exit 78;
}
my $lock;
if ($version =~ /locks/) {
    open $lock, '>>', '/var/lib/edgemesh/lock' or die "no state: $!\n";
    flock $lock, LOCK_EX | LOCK_NB or die "another executor has it\n";
    open my $kept, '>>', '/var/lib/edgemesh/starts' or die "no state: $!\n";
    print $kept "$version\n";
    close $kept;
}
my $server = IO::Socket::INET->new(Listen => 64, LocalPort => 50061, ReuseAddr => 1) or die "$!\n";
my $stopping = 0;
$SIG{TERM} = sub { $stopping = 1 };
open my $ready, '>', '/tmp/ready' or die "$!\n";
close $ready;
print "serving\n";
while (!$stopping) {
    my $caller = $server->accept or next;
    print $caller "$version\n";
    close $caller;
}
print "stopped\n";
