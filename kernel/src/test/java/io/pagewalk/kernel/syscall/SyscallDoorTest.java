package io.pagewalk.kernel.syscall;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pagewalk.base.KernelBug;
import org.junit.jupiter.api.Test;

class SyscallDoorTest {
    private final SyscallDoor<String> door = new SyscallDoor<>(new SyscallNumbers(), new TaskWork());

    @Test
    void call_withoutHandler_isEnosysAndCountedByName() {
        assertThat(door.call("task", new SyscallArgs().set(9))).isEqualTo(-Errno.ENOSYS);
        assertThat(door.call("task", new SyscallArgs().set(100_000))).isEqualTo(-Errno.ENOSYS);
        assertThat(door.unknownByName()).containsEntry("mmap", 1L).containsEntry("syscall_100000", 1L);
    }

    @Test
    void call_withHandler_getsArgumentsAndCountsFailures() {
        door.register("munmap", (task, args) -> args.a0 == 1 ? 0 : -Errno.EINVAL);
        assertThat(door.call("task", new SyscallArgs().set(11, 1, 2))).isZero();
        assertThat(door.call("task", new SyscallArgs().set(11, 5))).isEqualTo(-22);
        assertThat(door.callsByName()).containsEntry("munmap", 2L);
        assertThat(door.failuresByName()).containsEntry("munmap", 1L);
        assertThat(door.unknownByName()).isEmpty();
    }

    @Test
    void register_twiceOrUnknownName_isABug() {
        door.register("brk", (task, args) -> 0);
        assertThatThrownBy(() -> door.register("brk", (task, args) -> 0)).isInstanceOf(KernelBug.class);
        assertThatThrownBy(() -> door.register("no_such_call", (task, args) -> 0))
                .isInstanceOf(KernelBug.class);
    }

    /** Numbers as in the system's asm/unistd_64.h. */
    @Test
    void names_ofX8664_areLinuxs() {
        SyscallNumbers numbers = new SyscallNumbers();
        assertThat(numbers.name(0)).isEqualTo("read");
        assertThat(numbers.number("mremap")).isEqualTo(25);
        assertThat(numbers.number("clone3")).isEqualTo(435);
        assertThat(numbers.name(462)).isEqualTo("mseal");
        assertThat(numbers.name(400)).isEqualTo("syscall_400");
        assertThat(NoMemoryEffect.contains("getpid")).isTrue();
        assertThat(NoMemoryEffect.contains("mmap")).isFalse();
    }
}
