package io.pagewalk.kernel.system;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.Size;
import io.pagewalk.hardware.mmu.Access;
import io.pagewalk.kernel.fault.MappedPages;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.zone.NumaEvent;
import io.pagewalk.kernel.zone.Zone;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * Memory policies on machines with several nodes, which the computer that runs the tests hardly has: expectations follow {@code mm/mempolicy.c} and {@code mm/migrate.c} of Linux 6.12 and the
 * manual pages. What one node shows is compared with the running kernel by the oracle's area {@code policy}.
 */
class MemoryPolicyTest {
    private static final long PAGE = TestKernel.PAGE;
    private static final int DEFAULT = 0;
    private static final int PREFERRED = 1;
    private static final int BIND = 2;
    private static final int INTERLEAVE = 3;
    private static final int LOCAL = 4;
    private static final int PREFERRED_MANY = 5;
    private static final int WEIGHTED = 6;
    private static final int STATIC = 1 << 15;
    private static final int RELATIVE = 1 << 14;
    private static final int STRICT = 1;
    private static final int MOVE = 2;
    private static final int MOVE_ALL = 4;
    private static final int MAP_POPULATE = 0x8000;
    private static final int SHARED_ANON = TestKernel.MAP_SHARED | TestKernel.MAP_ANONYMOUS;

    private final TestKernel test = TestKernel.bootNodes(3, 96 * Size.MIB);
    /** A page for masks and arrays. */
    private final long scratch = test.anonymous(1);

    private long mbind(long addr, long pages, int mode, long nodes, int flags) {
        assertThat(test.kernel.store(test.task, scratch, nodes)).isZero();
        return test.call("mbind", addr, pages * PAGE, mode, nodes == 0 ? 0 : scratch, 65, flags);
    }

    private long setMempolicy(int mode, long nodes) {
        test.kernel.store(test.task, scratch, nodes);
        return test.call("set_mempolicy", mode, nodes == 0 ? 0 : scratch, 65);
    }

    private void touch(Task task, long addr, long pages) {
        for (long i = 0; i < pages; i++) {
            assertThat(test.kernel.access(task, addr + i * PAGE, Access.STORE)).isZero();
        }
    }

    private long pfn(Task task, long vaddr) {
        return new MappedPages(test.kernel.kernelTables()).pageAt(task.mm(), vaddr);
    }

    private List<Integer> nodes(Task task, long addr, long pages) {
        List<Integer> nodes = new ArrayList<>();
        for (long i = 0; i < pages; i++) {
            nodes.add(test.kernel.allocator().zoneOf(pfn(task, addr + i * PAGE)).node());
        }
        return nodes;
    }

    private List<Integer> nodes(long addr, long pages) {
        return nodes(test.task, addr, pages);
    }

    private long event(int node, NumaEvent event) {
        long sum = 0;
        for (Zone zone : test.kernel.allocator().nodes().get(node).zones()) {
            sum += test.kernel.allocator().counters().get(zone, event);
        }
        return sum;
    }

    private int areas(long addr, long pages) {
        int count = 0;
        for (Vma vma : test.task.mm().vmas()) {
            count += vma.start() < addr + pages * PAGE && vma.end() > addr ? 1 : 0;
        }
        return count;
    }

    private Vma area(long vaddr) {
        return requireNonNull(test.task.mm().vmas().find(vaddr));
    }

    private long word(long vaddr) {
        test.kernel.access(test.task, vaddr, Access.LOAD);
        return test.kernel.load(test.task, vaddr);
    }

    @Test
    void mbind_bindToOtherNode_pagesComeFromThere() {
        long addr = test.anonymous(8);
        assertThat(mbind(addr, 8, BIND, 0b100, 0)).isZero();
        long hits = event(2, NumaEvent.NUMA_HIT);
        long other = event(2, NumaEvent.NUMA_OTHER);
        touch(test.task, addr, 8);
        assertThat(nodes(addr, 8)).containsOnly(2);
        assertThat(event(2, NumaEvent.NUMA_HIT) - hits).isEqualTo(8);
        assertThat(event(2, NumaEvent.NUMA_OTHER) - other).isEqualTo(8);
        test.verify();
    }

    @Test
    void mbind_interleave_followsTheOffsetAndNotTheOrderOfTouching() {
        long addr = test.anonymous(9);
        assertThat(mbind(addr, 9, INTERLEAVE, 0b111, 0)).isZero();
        long hits = event(1, NumaEvent.NUMA_INTERLEAVE);
        for (long i = 8; i >= 0; i--) {
            touch(test.task, addr + i * PAGE, 1);
        }
        int first = (int) Long.remainderUnsigned(addr >>> 12, 3);
        List<Integer> expected = new ArrayList<>();
        for (int i = 0; i < 9; i++) {
            expected.add((first + i) % 3);
        }
        assertThat(nodes(addr, 9)).isEqualTo(expected);
        assertThat(event(1, NumaEvent.NUMA_INTERLEAVE) - hits).isEqualTo(3);
        test.verify();
    }

    @Test
    void mbind_weightedInterleave_givesEachNodeItsShare() {
        test.kernel.memoryPolicies().weights().setWeight(0, 3);
        test.kernel.memoryPolicies().weights().setWeight(1, 1);
        test.kernel.memoryPolicies().weights().setWeight(2, 2);
        long addr = test.anonymous(12);
        mbind(addr, 12, WEIGHTED, 0b111, 0);
        touch(test.task, addr, 12);
        List<Integer> turn = List.of(0, 0, 0, 1, 2, 2);
        int first = (int) Long.remainderUnsigned(addr >>> 12, 6);
        for (int i = 0; i < 12; i++) {
            assertThat(nodes(addr + i * PAGE, 1)).containsExactly(turn.get((first + i) % 6));
        }
        assertThat(test.kernel.memoryPolicies().weights().setWeight(0, 0)).isEqualTo(-Errno.EINVAL);
        assertThat(test.kernel.memoryPolicies().weights().isAuto()).isFalse();
    }

    @Test
    void setMempolicy_interleave_countsForKernelMemoryAndByOffsetForAreas() {
        assertThat(setMempolicy(INTERLEAVE, 0b110)).isZero();
        assertThat(test.call("get_mempolicy", scratch + 8, 0, 0, 0, 1)).isZero();
        assertThat((int) word(scratch + 8)).isEqualTo(1);
        long addr = test.anonymous(4);
        touch(test.task, addr, 4);
        int first = (addr >>> 12) % 2 == 0 ? 1 : 2;
        assertThat(nodes(addr, 4)).containsExactly(first, 3 - first, first, 3 - first);
        long last = test.kernel
                .allocator()
                .zoneOf(test.kernel.allocator().allocPage(0))
                .node();
        assertThat(test.kernel
                        .allocator()
                        .zoneOf(test.kernel.allocator().allocPage(0))
                        .node())
                .isEqualTo((int) (3 - last));
        assertThat(setMempolicy(DEFAULT, 0)).isZero();
        assertThat(test.kernel
                        .allocator()
                        .zoneOf(test.kernel.allocator().allocPage(0))
                        .node())
                .isZero();
    }

    @Test
    void setMempolicy_pageCache_isInterleavedInTheOrderOfReading() {
        test.kernel.files().register("/data", 16 * PAGE, 7, 8, 1);
        int fd = test.open("/data", 0);
        setMempolicy(INTERLEAVE, 0b111);
        long addr = test.mapped(test.call("mmap", 0, 16 * PAGE, 1, TestKernel.MAP_SHARED | MAP_POPULATE, fd, 0));
        List<Integer> nodes = nodes(addr, 16);
        // Slabs that the page cache needs on the way take their turn too, so the first pages may skip a node.
        for (int i = 5; i < 16; i++) {
            assertThat(nodes.get(i)).isEqualTo((nodes.get(i - 1) + 1) % 3);
        }
    }

    @Test
    void setMempolicy_preferredNodeFull_takesTheNearest() {
        setMempolicy(PREFERRED, 0b100);
        long pages = test.kernel.allocator().nodes().get(2).managedPages();
        long addr = test.anonymous(pages + 1000);
        long miss = event(1, NumaEvent.NUMA_MISS);
        long foreign = event(2, NumaEvent.NUMA_FOREIGN);
        touch(test.task, addr, pages + 1000);
        assertThat(nodes(addr, 100)).containsOnly(2);
        assertThat(nodes(addr + (pages + 900) * PAGE, 100)).containsOnly(1);
        assertThat(event(1, NumaEvent.NUMA_MISS) - miss).isPositive();
        assertThat(event(2, NumaEvent.NUMA_FOREIGN) - foreign).isEqualTo(event(1, NumaEvent.NUMA_MISS) - miss);
        test.verify();
    }

    @Test
    void mbind_preferredManyWithHomeNode_beginsThere() {
        long addr = test.anonymous(4);
        mbind(addr, 4, PREFERRED_MANY, 0b110, 0);
        touch(test.task, addr, 1);
        assertThat(nodes(addr, 1)).containsExactly(1);
        assertThat(test.call("set_mempolicy_home_node", addr, 4 * PAGE, 2, 0)).isZero();
        touch(test.task, addr + PAGE, 1);
        assertThat(nodes(addr, 2)).containsExactly(1, 2);
        assertThat(test.call("set_mempolicy_home_node", addr, 4 * PAGE, 3, 0)).isEqualTo(-Errno.EINVAL);
        assertThat(mbind(addr, 4, INTERLEAVE, 0b110, 0)).isZero();
        assertThat(test.call("set_mempolicy_home_node", addr, 4 * PAGE, 1, 0)).isEqualTo(-Errno.EOPNOTSUPP);
    }

    @Test
    void mbind_modeFlags_placeNodes() {
        long addr = test.anonymous(4);
        assertThat(mbind(addr, 1, BIND | RELATIVE, 0b10000, 0)).isZero();
        assertThat(mbind(addr + PAGE, 1, BIND | STATIC, 0b1010, 0)).isZero();
        assertThat(mbind(addr + 2 * PAGE, 1, BIND | STATIC, 0b1000, 0)).isEqualTo(-Errno.EINVAL);
        touch(test.task, addr, 2);
        assertThat(nodes(addr, 2)).containsExactly(1, 1);
        assertThat(test.call("get_mempolicy", scratch, scratch + 8, 64, addr + PAGE, 2))
                .isZero();
        assertThat((int) word(scratch)).isEqualTo(BIND | STATIC);
        assertThat(word(scratch + 8)).isEqualTo(0b1010);
    }

    @Test
    void mbind_strictAlone_refusesPagesElsewhere() {
        long addr = test.anonymous(4);
        touch(test.task, addr, 4);
        assertThat(mbind(addr, 4, BIND, 0b10, STRICT)).isEqualTo(-Errno.EIO);
        assertThat(areas(addr, 4)).isEqualTo(1);
        assertThat(area(addr).policy()).isNull();
        assertThat(mbind(addr, 4, BIND, 0b10, STRICT | MOVE)).isZero();
        assertThat(nodes(addr, 4)).containsOnly(1);
        test.verify();
    }

    @Test
    void mbind_move_keepsContentsAndInterleavesByOffset() {
        long addr = test.anonymous(6);
        for (long i = 0; i < 6; i++) {
            test.kernel.store(test.task, addr + i * PAGE, 100 + i);
        }
        assertThat(mbind(addr, 6, INTERLEAVE, 0b110, MOVE)).isZero();
        int first = (addr >>> 12) % 2 == 0 ? 1 : 2;
        assertThat(nodes(addr, 6)).containsExactly(first, 3 - first, first, 3 - first, first, 3 - first);
        for (long i = 0; i < 6; i++) {
            assertThat(word(addr + i * PAGE)).isEqualTo(100 + i);
        }
        test.verify();
    }

    @Test
    void mbind_moveWithoutAnyRight_movesAndKeepsContents() {
        long addr = test.anonymous(2);
        test.kernel.store(test.task, addr, 77);
        assertThat(test.call("mprotect", addr, 2 * PAGE, 0)).isZero();
        assertThat(mbind(addr, 2, BIND, 0b10, MOVE | STRICT)).isZero();
        assertThat(nodes(addr, 1)).containsExactly(1);
        assertThat(test.call("get_mempolicy", scratch, 0, 0, addr, 3)).isEqualTo(-Errno.EFAULT);
        assertThat(test.call("mprotect", addr, 2 * PAGE, 3)).isZero();
        assertThat(word(addr)).isEqualTo(77);
        test.verify();
    }

    @Test
    void mbind_sharedWithAChild_movesOnlyWithMoveAll() {
        long addr = test.anonymous(2);
        touch(test.task, addr, 2);
        Task child = requireNonNull(test.kernel.fork(test.task));
        assertThat(mbind(addr, 2, BIND, 0b10, MOVE | STRICT)).isZero();
        assertThat(nodes(addr, 2)).containsOnly(0);
        assertThat(mbind(addr, 2, BIND, 0b10, MOVE_ALL | STRICT)).isZero();
        assertThat(nodes(addr, 2)).containsOnly(1);
        assertThat(nodes(child, addr, 2)).containsOnly(1);
        test.verify();
    }

    @Test
    void mbind_parts_splitAndMergeByPolicy() {
        long addr = test.anonymous(6);
        mbind(addr, 2, BIND, 0b10, 0);
        mbind(addr + 2 * PAGE, 2, BIND, 0b100, 0);
        assertThat(areas(addr, 6)).isEqualTo(3);
        mbind(addr + 2 * PAGE, 2, BIND, 0b10, 0);
        assertThat(areas(addr, 6)).isEqualTo(2);
        test.call("set_mempolicy_home_node", addr, PAGE, 1, 0);
        assertThat(areas(addr, 6)).isEqualTo(3);
        mbind(addr, 6, DEFAULT, 0, 0);
        assertThat(areas(addr, 6)).isEqualTo(1);
        test.verify();
    }

    @Test
    void mbind_sharedMemory_keepsPoliciesByOffsetForEveryMapping() {
        long addr = test.mapped(test.call("mmap", 0, 8 * PAGE, 3, SHARED_ANON, -1, 0));
        assertThat(mbind(addr, 4, BIND, 0b10, 0)).isZero();
        assertThat(mbind(addr + 4 * PAGE, 4, BIND, 0b100, 0)).isZero();
        long alias = test.mapped(test.call("mremap", addr, 0, 8 * PAGE, 1, 0));
        assertThat(area(alias).policyAt(alias + 5 * PAGE)).hasToString("bind:2");
        assertThat(test.call("munmap", addr, 8 * PAGE)).isZero();
        touch(test.task, alias, 8);
        assertThat(nodes(alias, 8)).containsExactly(1, 1, 1, 1, 2, 2, 2, 2);
        test.verify();
    }

    @Test
    void mbind_sharedMemoryInterleave_beginsAtTheNodeOfItsInode() {
        long addr = test.mapped(test.call("mmap", 0, 6 * PAGE, 3, SHARED_ANON, -1, 0));
        assertThat(mbind(addr, 6, INTERLEAVE, 0b111, 0)).isZero();
        touch(test.task, addr, 6);
        int first = (int) (requireNonNull(area(addr).file()).inode() % 3);
        assertThat(nodes(addr, 3)).containsExactly(first, (first + 1) % 3, (first + 2) % 3);
    }

    @Test
    void getMempolicy_nodeOfAddress_tellsWhereThePageLies() {
        long addr = test.anonymous(2);
        mbind(addr, 2, BIND, 0b100, 0);
        touch(test.task, addr, 1);
        assertThat(test.call("get_mempolicy", scratch, 0, 0, addr, 3)).isZero();
        assertThat((int) word(scratch)).isEqualTo(2);
        assertThat(test.call("get_mempolicy", scratch, scratch + 8, 64, 0, 4)).isZero();
        assertThat(word(scratch + 8)).isEqualTo(0b111);
        assertThat(test.call("get_mempolicy", scratch, scratch + 8, 2, 0, 4)).isEqualTo(-Errno.EINVAL);
    }

    private long movePages(Task target, int flags, long[] pages, int... nodes) {
        for (int i = 0; i < pages.length; i++) {
            test.kernel.store(test.task, scratch + 512 + i * 8L, pages[i]);
            test.kernel.store(test.task, scratch + 1024 + i * 4L, 4, nodes.length == 0 ? 0 : nodes[i]);
            test.kernel.store(test.task, scratch + 2048 + i * 4L, 4, -99);
        }
        return test.call(
                "move_pages",
                target == test.task ? 0 : target.tid(),
                pages.length,
                scratch + 512,
                nodes.length == 0 ? 0 : scratch + 1024,
                scratch + 2048,
                flags);
    }

    private int[] status(int count) {
        int[] status = new int[count];
        for (int i = 0; i < count; i++) {
            status[i] = (int) test.kernel.load(test.task, scratch + 2048 + i * 4L, 4);
        }
        return status;
    }

    @Test
    void movePages_eachPage_goesToItsNodeAndSaysSo() {
        long addr = test.anonymous(6);
        touch(test.task, addr, 4);
        long[] pages = {addr, addr + PAGE, addr + 2 * PAGE, addr + 3 * PAGE, addr + 4 * PAGE, 0x1000};
        assertThat(movePages(test.task, MOVE, pages, 1, 1, 2, 0, 1, 1)).isZero();
        assertThat(status(6)).containsExactly(1, 1, 2, 0, -Errno.ENOENT, -Errno.EFAULT);
        assertThat(movePages(test.task, 0, pages)).isZero();
        assertThat(status(6)).containsExactly(1, 1, 2, 0, -Errno.ENOENT, -Errno.EFAULT);
        assertThat(movePages(test.task, MOVE, pages, 2, 5, 0, 0, 0, 0)).isEqualTo(-Errno.ENODEV);
        assertThat(status(3)).containsExactly(2, -99, -99);
        test.verify();
    }

    @Test
    void movePages_ofAChild_needsMoveAllForSharedPages() {
        long addr = test.anonymous(2);
        touch(test.task, addr, 2);
        Task child = requireNonNull(test.kernel.fork(test.task));
        touch(child, addr, 1);
        long[] pages = {addr, addr + PAGE};
        assertThat(movePages(child, MOVE, pages, 1, 1)).isZero();
        assertThat(status(2)).containsExactly(1, -Errno.EACCES);
        assertThat(movePages(child, MOVE_ALL, pages, 1, 1)).isZero();
        assertThat(status(2)).containsExactly(1, 1);
        assertThat(nodes(addr, 2)).containsExactly(0, 1);
        assertThat(test.call("setresuid", 7, 7, 7)).isZero();
        assertThat(movePages(child, MOVE_ALL, pages, 0, 0)).isEqualTo(-Errno.EPERM);
        test.verify();
    }

    @Test
    void migratePages_ofAProcess_movesNodeByNode() {
        long addr = test.anonymous(6);
        mbind(addr, 2, BIND, 0b1, 0);
        mbind(addr + 2 * PAGE, 2, BIND, 0b10, 0);
        mbind(addr + 4 * PAGE, 2, BIND, 0b100, 0);
        touch(test.task, addr, 6);
        test.kernel.store(test.task, scratch, 0b011);
        test.kernel.store(test.task, scratch + 8, 0b110);
        assertThat(test.call("migrate_pages", 0, 65, scratch, scratch + 8)).isZero();
        assertThat(nodes(addr, 6)).containsExactly(1, 1, 2, 2, 2, 2);
        test.kernel.store(test.task, scratch + 8, 0b1000);
        assertThat(test.call("migrate_pages", 0, 65, scratch, scratch + 8)).isEqualTo(-Errno.EINVAL);
        assertThat(test.call("setresuid", 7, 7, 7)).isZero();
        assertThat(test.call("migrate_pages", 0, 65, scratch, scratch + 8)).isEqualTo(-Errno.EPERM);
        test.verify();
    }

    @Test
    void fork_policies_areInherited() {
        long addr = test.anonymous(2);
        mbind(addr, 2, BIND, 0b10, 0);
        setMempolicy(BIND, 0b100);
        Task child = requireNonNull(test.kernel.fork(test.task));
        Task thread = requireNonNull(test.kernel.cloneThread(test.task));
        setMempolicy(LOCAL, 0);
        touch(child, addr, 1);
        assertThat(nodes(child, addr, 1)).containsExactly(1);
        long other = test.mapped(test.call(child, "mmap", 0, 2 * PAGE, 3, TestKernel.ANON, -1, 0));
        touch(child, other, 1);
        assertThat(nodes(child, other, 1)).containsExactly(2);
        assertThat(thread.policy().policy()).hasToString("bind:2");
        assertThat(test.task.policy().policy()).hasToString("local");
        test.verify();
    }

    @Test
    void fork_copiedPage_comesFromTheAreasNode() {
        long addr = test.anonymous(1);
        touch(test.task, addr, 1);
        mbind(addr, 1, BIND, 0b10, 0);
        Task child = requireNonNull(test.kernel.fork(test.task));
        touch(child, addr, 1);
        assertThat(nodes(child, addr, 1)).containsExactly(1);
        assertThat(nodes(addr, 1)).containsExactly(0);
    }

    @Test
    void mbind_boundNodeFull_killsAndDoesNotSpill() {
        long pages = test.kernel.allocator().nodes().get(1).managedPages() + 2000;
        long addr = test.anonymous(pages);
        mbind(addr, pages, BIND, 0b10, 0);
        int signal = 0;
        long i = 0;
        for (; i < pages && signal == 0; i++) {
            signal = test.kernel.access(test.task, addr + i * PAGE, Access.STORE);
        }
        assertThat(signal).isEqualTo(UserAccess.OOM_KILLED);
        assertThat(i).isBetween(pages - 6000, pages);
        assertThat(test.logged("constraint=CONSTRAINT_MEMORY_POLICY,nodemask=1,"))
                .isTrue();
        assertThat(Arrays.asList(event(0, NumaEvent.NUMA_MISS), event(2, NumaEvent.NUMA_MISS)))
                .containsOnly(0L);
        test.verify();
    }
}
