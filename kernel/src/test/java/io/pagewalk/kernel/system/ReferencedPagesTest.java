package io.pagewalk.kernel.system;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What makes a page a referenced one: {@code Referenced} of smaps on the model and on the kernel of this machine. Needs Linux 6.18, root and gcc. */
class ReferencedPagesTest extends TwoKernelsTest {
    private static final long PAGE = 4096;
    private static final long TEXT = TwoKernels.ARENA;
    private static final long DATA = TwoKernels.ARENA + 4 * PAGE;
    private static final long FRESH = TwoKernels.ARENA + 8 * PAGE;
    private static final long AT = TwoKernels.ARENA + (1L << 30);
    private static final int ANON = 0x32;
    private static final int SHARED = 0x11;
    private static final int POPULATE = 0x8000;
    private static final int POPULATE_READ = 22;
    private static final int POPULATE_WRITE = 23;
    private static final int NODE_OF_ADDRESS = 3;
    private static final int MPOL_MF_MOVE = 2;
    private static final int MPOL_MF_MOVE_ALL = 4;
    private static final int MPOL_PREFERRED_MANY_RELATIVE = 0x4005;
    private static final int MREMAP_DONTUNMAP_FIXED = 7;
    private static final int MLOCK_ONFAULT = 1;
    private static final int SHM_LOCK = 11;
    private static final int IPC_RMID = 0;

    ReferencedPagesTest() {
        super(64, 16);
    }

    @BeforeEach
    void mapText() {
        call("mmap", TEXT, 32 * PAGE, 3, ANON, -1, 0);
    }

    private long referenced(int who) {
        return both().smaps().compareReferenced(who, AT, AT + 64 * PAGE);
    }

    private void clearRefs(int type) {
        long fd = call("openat", -100, both().text(0, TEXT, "/proc/self/clear_refs"), 1, 0);
        call("write", fd, both().text(0, TEXT, Integer.toString(type)), 1);
        call("close", fd);
    }

    /** New pages wait for their list too, and are active at once when they are used twice while they wait: a call that moves pages lets those of all processors arrive. */
    private void arriveAtLists() {
        both().store(0, TEXT, DATA);
        both().store(0, TEXT + 8, 0);
        call("move_pages", 0, 1, TEXT, TEXT + 8, TEXT + 16, MPOL_MF_MOVE);
    }

    @Test
    void populate_marksPages_theSecondTimeItActivatesThem() {
        call("mmap", AT, 8 * PAGE, 3, ANON | POPULATE, -1, 0);
        both().fork(0, 1);
        assertThat(referenced(1)).isEqualTo(8);
        both().call(1, "madvise", AT, 3 * PAGE, POPULATE_READ);
        assertThat(referenced(1)).isEqualTo(5);
        both().call(1, "madvise", AT + 2 * PAGE, 4 * PAGE, POPULATE_WRITE);
        referenced(1);
        both().exitAny(1);
    }

    @Test
    void mprotect_leavesUnusedEntriesUnused() {
        call("mmap", AT, 8 * PAGE, 3, ANON, -1, 0);
        for (int page = 0; page < 8; page++) {
            both().store(0, AT + page * PAGE, page);
        }
        both().fork(0, 1);
        for (int prot : new int[] {1, 0, 3}) {
            both().call(1, "mprotect", AT + prot * PAGE, 4 * PAGE, prot);
            assertThat(referenced(1)).isZero();
        }
        both().load(1, AT + 7 * PAGE);
        assertThat(referenced(1)).isEqualTo(1);
        both().exitAny(1);
    }

    @Test
    void getMempolicy_ofAnAddress_marksItsPage() {
        call("mmap", AT, 8 * PAGE, 3, ANON, -1, 0);
        both().store(0, AT, 1);
        both().store(0, AT + PAGE, 1);
        both().fork(0, 1);
        for (int page : new int[] {0, 0, 1, 5}) {
            both().call(1, "get_mempolicy", DATA, 0, 0, AT + page * PAGE, NODE_OF_ADDRESS);
            referenced(1);
        }
        both().exitAny(1);
    }

    /** One write looks the page up three times, as its source is there in part: the second use sends the page to the active list, and while it waits for that the third counts anew. */
    @Test
    void uses_ofAPageOnItsWayToTheActiveList_countAnew() {
        long fd = call("memfd_create", both().text(0, TEXT, "m"), 0);
        call("ftruncate", fd, 4 * PAGE);
        call("mmap", AT, 4 * PAGE, 3, SHARED, fd, 0);
        for (int page = 0; page < 4; page++) {
            both().store(0, AT + page * PAGE, page);
        }
        both().store(0, DATA, 1);
        both().store(0, FRESH, 1);
        arriveAtLists();
        clearRefs(1);
        call("pwrite64", fd, DATA, 100, PAGE);
        assertThat(referenced(0)).isEqualTo(1);
        call("pwrite64", fd, FRESH + 3000, PAGE, PAGE);
        assertThat(referenced(0)).isZero();
    }

    @Test
    void readsAndWritesOfAFileInMemory_markItsPages() {
        long fd = call("memfd_create", both().text(0, TEXT, "m"), 0);
        call("ftruncate", fd, 8 * PAGE);
        call("mmap", AT, 8 * PAGE, 3, SHARED, fd, 0);
        for (int page = 0; page < 8; page++) {
            both().store(0, AT + page * PAGE, page);
        }
        clearRefs(1);
        assertThat(referenced(0)).isZero();
        call("pread64", fd, DATA, 100, 100);
        assertThat(referenced(0)).isZero();
        call("pread64", fd, DATA, 100, PAGE);
        assertThat(referenced(0)).isEqualTo(1);
        call("pwrite64", fd, DATA, 100, 2 * PAGE + 100);
        assertThat(referenced(0)).isEqualTo(2);
        call("pwrite64", fd, DATA, 100, PAGE);
        assertThat(referenced(0)).isEqualTo(1);
        call("pwrite64", fd, FRESH, 100, 3 * PAGE);
        call("pwrite64", fd, FRESH + 2 * PAGE - 50, 100, 4 * PAGE);
        call("pwrite64", fd, FRESH + 3 * PAGE - 50, 100, 5 * PAGE);
        referenced(0);
        call("pwrite64", fd, 0x1000, 100, 6 * PAGE);
        call("pwrite64", fd, TEXT + 32 * PAGE - 50, 100, 7 * PAGE);
        referenced(0);
    }

    /** Until a call ends, what it locks still is on the list that counts uses: a second use sends it to the active one. */
    @Test
    void pagesThatACallLocksAndUses_countAsPagesThatAreNotLocked() {
        long fd = call("memfd_create", both().text(0, TEXT, "m"), 0);
        call("ftruncate", fd, 8 * PAGE);
        call("mmap", AT, 8 * PAGE, 3, SHARED, fd, 0);
        for (int page = 0; page < 8; page++) {
            both().store(0, AT + page * PAGE, page);
        }
        arriveAtLists();
        clearRefs(1);
        call("pread64", fd, DATA, 8 * PAGE, 0);
        assertThat(referenced(0)).isEqualTo(8);
        long locked = AT + (1L << 30);
        call("mmap", locked, 8 * PAGE, 3, SHARED, fd, 0);
        call("mlock2", locked, 8 * PAGE, MLOCK_ONFAULT);
        call("madvise", locked, 4 * PAGE, POPULATE_WRITE);
        assertThat(referenced(0)).isEqualTo(4);
        call("madvise", locked, 4 * PAGE, POPULATE_WRITE);
        assertThat(referenced(0)).isEqualTo(8);
        call("madvise", locked, 4 * PAGE, POPULATE_WRITE);
        assertThat(referenced(0)).isEqualTo(8);
        call("munmap", locked, 8 * PAGE);
        call("close", fd);
    }

    /** mremap() with DONTUNMAP unlocks all of the area of which it moves a part; its pages stay locked until they move. */
    @Test
    void pagesThatMove_areLockedOnlyByAreasThatStillAre() {
        long fd = call("memfd_create", both().text(0, TEXT, "m"), 0);
        call("ftruncate", fd, 8 * PAGE);
        long shared = AT + (1L << 30);
        call("mmap", shared, 8 * PAGE, 3, SHARED, fd, 0);
        for (int page = 0; page < 4; page++) {
            both().store(0, shared + page * PAGE, page);
        }
        arriveAtLists();
        call("mmap", AT, 8 * PAGE, 1, ANON & ~0x20, fd, 0);
        for (int page = 0; page < 4; page++) {
            both().load(0, AT + page * PAGE);
        }
        call("mlock2", AT, 8 * PAGE, MLOCK_ONFAULT);
        call("mremap", AT + 6 * PAGE, 2 * PAGE, 2 * PAGE, MREMAP_DONTUNMAP_FIXED, AT + (2L << 30));
        both().store(0, DATA, 2);
        both().store(0, DATA + 8, 0);
        call("mbind", shared, 2 * PAGE, MPOL_PREFERRED_MANY_RELATIVE, DATA, 66, MPOL_MF_MOVE_ALL);
        clearRefs(1);
        call("pread64", fd, DATA + PAGE, 4 * PAGE, 0);
        assertThat(referenced(0)).isEqualTo(4);
        call("pread64", fd, DATA + PAGE, 4 * PAGE, 0);
        assertThat(referenced(0)).isEqualTo(2);
    }

    @Test
    void pagesOfASegmentThatIsLocked_stayUnevictable_whenAnAreaUnlocksThem() {
        long segment = call("shmget", 0, 4 * PAGE, 0600);
        call("shmctl", segment, SHM_LOCK, 0);
        call("shmat", segment, AT, 0);
        both().store(0, AT, 1);
        both().store(0, AT + PAGE, 1);
        arriveAtLists();
        call("mlock", AT, 4 * PAGE);
        call("munlock", AT, 4 * PAGE);
        clearRefs(1);
        assertThat(referenced(0)).isZero();
        for (int time = 0; time < 3; time++) {
            call("madvise", AT, 2 * PAGE, POPULATE_READ);
            assertThat(referenced(0)).isEqualTo(2);
        }
        call("shmctl", segment, IPC_RMID, 0);
        call("shmdt", AT);
    }

    @Test
    void writesBehindTheEndOfAFileOnDisk_markItsLastPage() throws IOException {
        Path path = directory.resolve("file");
        Files.write(path, new byte[(int) (2 * PAGE + 100)]);
        both().model.kernel.files().register(path.toString(), 2 * PAGE + 100, 0, 0, 0);
        long fd = call("openat", -100, both().text(0, TEXT, path.toString()), 2, 0);
        call("mmap", AT, 3 * PAGE, 1, ANON & ~0x20, fd, 0);
        long[][] writes = {{2 * PAGE + 50, DATA}, {2 * PAGE + 110, DATA}, {2 * PAGE + 200, 0x1000}};
        for (long[] write : writes) {
            for (int page = 0; page < 3; page++) {
                both().load(0, AT + page * PAGE);
            }
            clearRefs(1);
            call("pwrite64", fd, write[1], 10, write[0]);
            referenced(0);
        }
        call("close", fd);
    }
}
