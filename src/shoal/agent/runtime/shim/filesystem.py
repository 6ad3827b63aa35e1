"""The root of a sandboxed container: the host's files, with the pod's volumes among them.

The new root is a tmpfs that mirrors the host's `/`: each entry is bound where it was. A mountPath
that exists is bound over. One that does not exist needs a directory to be made, and making it on
the host is out of the question; so its nearest existing parent is mirrored in turn: a tmpfs that
holds a bind for each entry, and now has room for one more. (An overlay would do that in one mount,
but would divert writes to everything below it, results in a home directory included.)

What is hidden, the control plane's own files, is an empty tmpfs of its own, wherever it would come
into view: at its place, and in volumes that hold it. Volumes may lie in it all the same.

Runs as process 1 of its own mount and process namespaces, before anything of the user's.
"""

import os
import re
import stat

from shoal.agent.runtime.shim import syscalls
from shoal.agent.runtime.shim.order import BindMount, Isolation

_HOST = "/.shoal-host"
"""Where the host's root is while the container's is built."""

_UNWANTED_DEVICES = re.compile(r"tty\d+|ttyS\d+|vcs.*|ptmx|pts|termination-log")
"""Consoles of the machine, and what is made anew."""

_FLAGS_OF_STATVFS = (
    (os.ST_NOSUID, syscalls.MS_NOSUID),
    (os.ST_NODEV, syscalls.MS_NODEV),
    (os.ST_NOEXEC, syscalls.MS_NOEXEC),
    (os.ST_NOATIME, syscalls.MS_NOATIME),
    (os.ST_NODIRATIME, syscalls.MS_NODIRATIME),
    (os.ST_RELATIME, syscalls.MS_RELATIME),
)


def build_root(isolation: Isolation, scratch: str, working_dir: str) -> None:
    """Make the root and move into it. `scratch` is any directory of the host; it is not changed.
    Raises OSError that says what was refused."""
    syscalls.mount("none", "/", None, syscalls.MS_REC | syscalls.MS_PRIVATE)
    _mount_tmpfs(scratch, 0o755)
    os.mkdir(scratch + _HOST)
    syscalls.pivot_root(scratch, scratch + _HOST)
    os.chdir("/")
    root = _Root()
    root.mirror_entries("/", re.compile(r"proc|dev|\.shoal-host"))
    _mount_proc()
    root.make_devices()
    root.place(isolation, working_dir)
    root.seal()
    syscalls.unmount_lazily(_HOST)
    os.rmdir(_HOST)
    if isolation.read_only_root:
        _make_read_only_except([bind.target for bind in isolation.binds])


def _mount_tmpfs(target: str, mode: int) -> None:
    flags = syscalls.MS_NOSUID | syscalls.MS_NODEV
    syscalls.mount("tmpfs", target, "tmpfs", flags, f"mode={mode:o}")


def _mount_proc() -> None:
    os.mkdir("/proc")
    flags = syscalls.MS_NOSUID | syscalls.MS_NODEV | syscalls.MS_NOEXEC
    syscalls.mount("proc", "/proc", "proc", flags)


def _bind(source: str, target: str) -> None:
    # Recursive: an ordinary user may not take a directory away from the mounts below it.
    syscalls.mount(source, target, None, syscalls.MS_BIND | syscalls.MS_REC)


def _make_read_only(mount_point: str) -> None:
    """Of one mount. An ordinary user must keep the flags that the mount has."""
    flags = syscalls.MS_REMOUNT | syscalls.MS_BIND | syscalls.MS_RDONLY
    present = os.statvfs(mount_point).f_flag
    for statvfs_flag, mount_flag in _FLAGS_OF_STATVFS:
        if present & statvfs_flag:
            flags |= mount_flag
    syscalls.mount("none", mount_point, None, flags)


def _make_read_only_except(targets: list[str]) -> None:
    kept = ["/proc", "/dev", "/sys", *(os.path.realpath(target) for target in targets)]
    for mount_point in mount_points("/proc/self/mountinfo"):
        if any(is_within(mount_point, path) for path in kept):
            continue
        try:
            _make_read_only(mount_point)
        except (PermissionError, FileNotFoundError):
            # Out of this user's reach, or hidden by a later mount.
            continue


def mount_points(mountinfo: str) -> list[str]:
    """Of a mountinfo file, in order of mounting. The kernel writes spaces and the like in octal."""
    with open(mountinfo, "rb") as file:
        fields = [line.split(b" ")[4] for line in file]
    return [
        os.fsdecode(re.sub(rb"\\([0-7]{3})", lambda octal: bytes([int(octal[1], 8)]), field))
        for field in fields
    ]


def is_within(path: str, directory: str) -> bool:
    return path == directory or path.startswith(directory.rstrip("/") + "/")


class _Root:
    """The root under construction. Paths are the container's; `_HOST` + path is the host's."""

    def __init__(self) -> None:
        self._made_devices = {os.stat("/").st_dev}
        """File systems that are ours, in which directories may be made."""
        self._emptied: list[int] = []
        """Open directories: those that hide something of the host."""

    def mirror_entries(self, directory: str, unwanted: re.Pattern[str] | None = None) -> None:
        with os.scandir(_HOST + directory) as entries:
            for entry in entries:
                if unwanted is None or not unwanted.fullmatch(entry.name):
                    mirror_entry(entry, os.path.join(directory, entry.name))

    def make_devices(self) -> None:
        """Bind the nodes: ones made here would not work in a user namespace."""
        os.mkdir("/dev")
        self.mirror_entries("/dev", _UNWANTED_DEVICES)
        # A bound ptmx finds no terminals; one of an instance of its own does.
        os.mkdir("/dev/pts")
        flags = syscalls.MS_NOSUID | syscalls.MS_NOEXEC
        syscalls.mount("devpts", "/dev/pts", "devpts", flags, "newinstance,ptmxmode=0666,mode=620")
        os.symlink("pts/ptmx", "/dev/ptmx")

    def place(self, isolation: Isolation, working_dir: str) -> None:
        """Bind the volumes, parents before children, hide what is to be hidden, and see to it that
        the working directory exists."""
        ordered = sorted(isolation.binds, key=lambda bind: bind.target)
        targets = [os.path.realpath(bind.target) for bind in ordered]
        hidden = [*isolation.shut, *isolation.hidden]
        self._make_rooms([*targets, os.path.realpath(working_dir)], {*targets, *hidden})
        # After that, which shows what is in the parents of what is missing.
        for path in hidden:
            self._hide(path)
        for bind, target in zip(ordered, targets, strict=True):
            _place(bind, target)
            for path in isolation.hidden:
                # A volume that is hidden itself was asked for by its name.
                if path != bind.source and is_within(path, bind.source):
                    self._hide(os.path.join(target, os.path.relpath(path, bind.source)))
        os.makedirs(working_dir, exist_ok=True)

    def seal(self) -> None:
        """Nothing more is made in what hides something."""
        for fd in self._emptied:
            # By descriptor: a volume may have been placed over it.
            _make_read_only(f"/proc/self/fd/{fd}")
            os.close(fd)

    def _make_rooms(self, wanted: list[str], covered: set[str]) -> None:
        """See to it that every wanted path can be made, unless something that covers it comes to
        be mounted above it."""
        outermost = [
            target
            for target in wanted
            if not any(target != other and is_within(target, other) for other in covered)
        ]
        # Shortest first, or mirroring a parent would hide what was made in the child.
        for ancestor in sorted({_nearest_existing(target) for target in outermost}, key=len):
            if ancestor not in outermost:
                self._make_room(ancestor)

    def _hide(self, path: str) -> None:
        if os.path.isdir(path):
            _mount_tmpfs(path, 0o755)
            self._emptied.append(os.open(path, os.O_RDONLY | os.O_DIRECTORY))
        elif os.path.lexists(path):
            _bind(_HOST + os.devnull, path)

    def _make_room(self, ancestor: str) -> None:
        """Let new entries be made in a directory of the host without making them there."""
        if os.stat(ancestor).st_dev in self._made_devices:
            return
        _mount_tmpfs(ancestor, stat.S_IMODE(os.stat(ancestor).st_mode))
        self._made_devices.add(os.stat(ancestor).st_dev)
        self.mirror_entries(ancestor)


def mirror_entry(entry: os.DirEntry[str], target: str) -> None:
    """Bind it at the target; what cannot be reached is left out."""
    try:
        if entry.is_symlink():
            os.symlink(os.readlink(entry.path), target)
            return
        if entry.is_dir(follow_symlinks=False):
            os.mkdir(target)
        elif stat.S_ISBLK(entry.stat(follow_symlinks=False).st_mode):
            return
        else:
            _make_file(target)
    except FileNotFoundError:
        # Gone since it was listed.
        return
    try:
        _bind(entry.path, target)
    except OSError:
        # Gone as well, or a mount of another user that nobody else may enter: what this user
        # cannot reach on the host, the container cannot either.
        return


def _make_file(path: str) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o644))


def _nearest_existing(path: str) -> str:
    while not os.path.exists(path):
        path = os.path.dirname(path)
    return path


def _place(bind: BindMount, target: str) -> None:
    source = _HOST + bind.source
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    elif not os.path.exists(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        _make_file(target)
    _bind(source, target)
    if bind.read_only:
        _make_read_only(target)
