"""Two NFS clients create one name at once, by link and by rename: who is told that it did?

usage: nfs_race.py URL_OF_THE_EXPORT ROUNDS

Prints, for each verb, what both clients were told in each round: 0, or a negative error number.
"""
import ctypes, ctypes.util, json, os, sys, threading

nfs = ctypes.CDLL(ctypes.util.find_library("nfs"))
for name in ("nfs_init_context", "nfs_parse_url_dir"):
    getattr(nfs, name).restype = ctypes.c_void_p
nfs.nfs_get_error.restype = ctypes.c_char_p
P, S, I = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int


class Url(ctypes.Structure):
    _fields_ = [("server", S), ("path", S), ("file", S)]


def client(url, name):
    context = P(nfs.nfs_init_context())
    # Two contexts of one process would count as one client, restarted.
    nfs.nfs4_set_client_name(context, name.encode())
    nfs.nfs4_set_verifier(context, name.encode().ljust(8))
    parsed = ctypes.cast(P(nfs.nfs_parse_url_dir(context, url.encode())), ctypes.POINTER(Url)).contents
    if nfs.nfs_mount(context, S(parsed.server), S(parsed.path)):
        raise SystemExit(nfs.nfs_get_error(context).decode())
    return context


def create(context, path):
    handle = P()
    result = nfs.nfs_creat(context, path.encode(), 0o600, ctypes.byref(handle))
    if result:
        raise SystemExit(f"creat {path}: {nfs.nfs_get_error(context).decode()}")
    nfs.nfs_close(context, handle)


def race(clients, verb, round_):
    start, told = threading.Barrier(len(clients)), [None] * len(clients)
    for n, context in enumerate(clients):
        create(context, f"/staged-{verb}-{round_}-{n}")

    def one(n):
        start.wait()
        old, new = f"/staged-{verb}-{round_}-{n}".encode(), f"/{verb}-{round_}".encode()
        told[n] = getattr(nfs, f"nfs_{verb}")(clients[n], old, new)

    threads = [threading.Thread(target=one, args=(n,)) for n in range(len(clients))]
    [t.start() for t in threads]
    [t.join() for t in threads]
    return told


url, rounds = sys.argv[1], int(sys.argv[2])
clients = [client(url, name) for name in ("first", "second")]
print(json.dumps({verb: [race(clients, verb, n) for n in range(rounds)] for verb in ("link", "rename")}))
