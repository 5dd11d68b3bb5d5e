"""What the process of a stranger's step may not do: outlive us, start others, open connections, eat the memory."""

import contextlib
import ctypes
import os
import platform
import resource
import signal
import struct
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

_MOST_FILE_BYTES: Final = 67_108_864  # a log that grows for ever would fill the disk on which the database lies
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_SECCOMP: Final = 22
_PR_SET_NO_NEW_PRIVS: Final = 38
_SECCOMP_MODE_FILTER: Final = 2

# Numbers of system calls: https://github.com/torvalds/linux/blob/master/arch/x86/entry/syscalls/syscall_64.tbl and
# https://github.com/torvalds/linux/blob/master/include/uapi/asm-generic/unistd.h; the architecture's word is
# AUDIT_ARCH_* of https://github.com/torvalds/linux/blob/master/include/uapi/linux/audit.h.
_IO_URING_SETUP: Final = 425  # its rings open connections without a call that the filter sees
_EVERYWHERE: Final = (424, _IO_URING_SETUP, 435, 438)  # pidfd_send_signal, clone3, pidfd_getfd
_X32: Final = 0x40000000  # from here on the same calls once more, by the numbers of another ABI: syscall_64.tbl
_REFUSED: Final[Mapping[str, tuple[int, Sequence[int]]]] = {
    # socket, clone, fork, vfork, execve, kill, ptrace, rt_sigqueueinfo, tkill, tgkill, rt_tgsigqueueinfo, prlimit64
    # (which limits other processes too), process_vm_readv, process_vm_writev, execveat
    "x86_64": (0xC000003E, (41, 56, 57, 58, 59, 62, 101, 129, 200, 234, 297, 302, 310, 311, 322, *_EVERYWHERE)),
    # ptrace, kill, tkill, tgkill, rt_sigqueueinfo, socket, clone, execve, rt_tgsigqueueinfo, prlimit64,
    # process_vm_readv, process_vm_writev, execveat
    "aarch64": (0xC00000B7, (117, 129, 130, 131, 138, 198, 220, 221, 240, 261, 270, 271, 281, *_EVERYWHERE)),
}
# The filter's own words: https://www.kernel.org/doc/html/latest/userspace-api/seccomp_filter.html
_LOAD, _JUMP_IF, _JUMP_FROM, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050001, 0x80000000  # REFUSE: the call fails with EPERM


def die_with_parent(parent: int) -> None:
    """This process is killed when the thread that forked it ends; `parent` is that process's id."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


@contextlib.contextmanager
def bounded(memory_bytes: int) -> Iterator[None]:
    """So many bytes of memory at most for what runs here, and as many as before for what follows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = memory_bytes if hard == resource.RLIM_INFINITY else min(memory_bytes, hard)
    with contextlib.suppress(ValueError, OSError):  # as below
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    yield
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def confine(memory_bytes: int) -> None:
    """No other process, connection or signal from here on, no large file, and so many bytes more memory than now."""
    most = _pages(0) + memory_bytes
    with contextlib.suppress(ValueError, OSError):  # macOS knows the limit and refuses it
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_MOST_FILE_BYTES, _MOST_FILE_BYTES))
    if sys.platform == "linux":
        _refuse_calls()


def resident_bytes() -> int:
    """What this process has of the machine's memory; 0 where nobody tells."""
    return _pages(1)


def _pages(column: int) -> int:
    """https://man7.org/linux/man-pages/man5/proc_pid_statm.5.html, in bytes."""
    with contextlib.suppress(OSError):
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[column]) * resource.getpagesize()
    return 0


def _refuse_calls() -> None:
    """A filter of the kernel's; on an architecture we have no numbers for there is none."""
    known = _REFUSED.get(platform.machine())
    if known is None:
        return
    architecture, numbers = known
    program = [(_LOAD, 0, 0, 4), (_JUMP_IF, 1, 0, architecture), (_RETURN, 0, 0, _KILL), (_LOAD, 0, 0, 0)]
    program.append((_JUMP_FROM, len(numbers) + 1, 0, _X32))
    for index, number in enumerate(numbers):
        program.append((_JUMP_IF, len(numbers) - index, 0, number))
    program += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _REFUSE)]
    code = b"".join(struct.pack("HBBI", *line) for line in program)
    memory = ctypes.create_string_buffer(code)
    head = struct.pack("HxxxxxxP", len(program), ctypes.addressof(memory))
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.create_string_buffer(head), 0, 0)
