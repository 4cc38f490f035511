package io.pagewalk.kernel.slub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pagewalk.base.BadInput;
import io.pagewalk.kernel.page.Gfp;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What {@code slab_debug} finds, in the words of {@code mm/slub.c} of Linux 6.18; and what is noticed without it. */
class SlabDebugTest {
    private static final String NOT_FREED = "FIX kmalloc-64: Object at %s not freed";

    private static String at(long vaddr) {
        return SlabCore.pointer(vaddr);
    }

    private static String headline(String cache, String reason) {
        return "BUG " + cache + " (Not tainted): " + reason;
    }

    @Test
    void overflow_pastTheRequest_isReportedWhenFreed() {
        TestSlabs machine = TestSlabs.debugging("FZPU");
        long object = machine.slabs.kmalloc(60, Gfp.GFP_KERNEL);
        machine.write(object + 60, 0x41);
        machine.slabs.kfree(object);
        long offset = object & 0xfff;
        assertThat(machine.log)
                .contains(
                        "[kmalloc Redzone overwritten] " + at(object + 60) + "-" + at(object + 60) + " @offset="
                                + offset(60, offset) + ". First byte 0x41 instead of 0xcc",
                        headline("kmalloc-64", "Object corrupt"),
                        "FIX kmalloc-64: Restoring kmalloc Redzone " + at(object + 60) + "-" + at(object + 60)
                                + "=0xcc",
                        String.format(NOT_FREED, at(object)));
        machine.verify();
    }

    private static long offset(int inObject, long object) {
        return object + inObject;
    }

    @Test
    void overflow_ofAWholeObject_showsTheRightRedZone() {
        TestSlabs machine = TestSlabs.debugging("FZ");
        KmemCache cache = machine.slabs.create(CacheRequest.of("victim", 40, 0));
        long object = cache.alloc(Gfp.GFP_KERNEL);
        machine.write(object + 40, 0x42);
        machine.write(object + 43, 0x43);
        cache.free(object);
        assertThat(machine.logged())
                .contains("[Right Redzone overwritten] " + at(object + 40) + "-" + at(object + 43))
                .contains("First byte 0x42 instead of 0xcc")
                .contains("Redzone  " + at(object + 40).substring(2) + ": 42 cc cc 43 cc cc cc cc");
        machine.verify();
    }

    @Test
    void underflow_showsTheLeftRedZone() {
        TestSlabs machine = TestSlabs.debugging("FZ");
        KmemCache cache = machine.slabs.create(CacheRequest.of("victim", 40, 0));
        long object = cache.alloc(Gfp.GFP_KERNEL);
        machine.write(object - 1, 0);
        cache.free(object);
        assertThat(machine.logged())
                .contains("[Left Redzone overwritten] " + at(object - 1) + "-" + at(object - 1))
                .contains("FIX victim: Restoring Left Redzone " + at(object - 1) + "-" + at(object - 1) + "=0xcc");
        machine.verify();
    }

    @Test
    void useAfterFree_isReportedWhenTheObjectIsAllocatedAgain() {
        TestSlabs machine = TestSlabs.debugging("FPZU");
        long object = machine.slabs.kmalloc(64, Gfp.GFP_KERNEL);
        machine.slabs.setCaller("card_remove+0x1c/0x40");
        machine.slabs.kfree(object);
        machine.write(object + 8, 0x6c);
        long next = machine.slabs.kmalloc(64, Gfp.GFP_KERNEL);
        assertThat(next).isNotIn(0L, object);
        assertThat(machine.logged())
                .contains("[Poison overwritten] " + at(object + 8) + "-" + at(object + 8))
                .contains("First byte 0x6c instead of 0x6b")
                .contains("Freed in card_remove+0x1c/0x40 age=0 cpu=0 pid=42")
                .contains("FIX kmalloc-64: Restoring Poison " + at(object + 8) + "-" + at(object + 8) + "=0x6b")
                .contains("FIX kmalloc-64: Marking all objects used");
        machine.verify();
    }

    /** The whole report, line for line: two tracks, the slab, the object, its red zones and its padding. */
    @Test
    void doubleFree_withUserTracking_printsWhoAllocatedAndFreed() {
        TestSlabs machine = TestSlabs.debugging("FZPU");
        machine.slabs.setCaller("uart_probe+0x2a/0x90");
        long object = machine.slabs.kmalloc(16, Gfp.GFP_KERNEL);
        machine.slabs.setCaller("uart_remove+0x11/0x30");
        machine.slabs.kfree(object);
        assertThat(machine.log).isEmpty();
        machine.slabs.kfree(object);
        Slab slab = java.util.Objects.requireNonNull(
                machine.cache("kmalloc-16").core.slabOf(object));
        String first = at(object).substring(2);
        assertThat(machine.log.subList(0, 11))
                .containsExactly(
                        "=".repeat(77),
                        headline("kmalloc-16", "Object already free"),
                        "-".repeat(77),
                        "",
                        "Allocated in uart_probe+0x2a/0x90 age=0 cpu=0 pid=42",
                        " uart_probe+0x2a/0x90",
                        "Freed in uart_remove+0x11/0x30 age=0 cpu=0 pid=42",
                        " uart_remove+0x11/0x30",
                        "Slab " + at(0xffff_ea00_0000_0000L + slab.pfn * 64) + " objects=" + slab.objects
                                + " used=0 fp=" + at(object) + " flags=0x200(workingset|node=0|zone=1)",
                        "Object " + at(object) + " @offset=" + (object - slab.base) + " fp="
                                + at(slab.cache.next(object)),
                        "");
        assertThat(machine.log)
                .contains("Object   " + first + ": 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b a5  kkkkkkkkkkkkkkk.")
                .contains("FIX kmalloc-16: Object at " + at(object) + " not freed");
        machine.verify();
        machine.log.clear();
        machine.slabs.kfree(object);
        assertThat(machine.logged()).contains("BUG kmalloc-16 (Tainted: G    B): Object already free");
    }

    @Test
    void invalidFree_inTheMiddleOfAnObject_freesNothing() {
        for (TestSlabs machine : List.of(TestSlabs.plain(), TestSlabs.debugging("FZPU"))) {
            long object = machine.slabs.kmalloc(64, Gfp.GFP_KERNEL);
            machine.slabs.kfree(object + 8);
            assertThat(machine.log)
                    .contains(
                            headline("kmalloc-64", "Invalid object pointer " + at(object + 8)),
                            String.format(NOT_FREED, at(object + 8)));
            machine.verify();
            machine.log.clear();
            machine.slabs.kfree(object);
            assertThat(machine.log).isEmpty();
            machine.verify();
        }
    }

    @Test
    void doubleFree_withoutDebugging_isNoticedAndChangesNothing() {
        TestSlabs machine = TestSlabs.plain();
        long object = machine.slabs.kmalloc(64, Gfp.GFP_KERNEL);
        machine.slabs.kfree(object);
        machine.slabs.kfree(object);
        assertThat(machine.log)
                .contains(headline("kmalloc-64", "Object already free"), String.format(NOT_FREED, at(object)));
        machine.verify();
    }

    @Test
    void freePointer_overwrittenWithoutDebugging_cutsTheListOff() {
        TestSlabs machine = TestSlabs.plain();
        KmemCache cache = machine.cache("kmalloc-64");
        long first = machine.slabs.kmalloc(64, Gfp.GFP_KERNEL);
        machine.slabs.kfree(first);
        machine.write(first + cache.geometry().freePointer() + 1, 0x77);
        assertThat(machine.slabs.kmalloc(64, Gfp.GFP_KERNEL)).isEqualTo(first);
        long second = machine.slabs.kmalloc(64, Gfp.GFP_KERNEL);
        assertThat(second).isNotZero();
        assertThat(machine.log)
                .contains(headline("kmalloc-64", "Freechain corrupt"), "FIX kmalloc-64: Isolate corrupted freechain");
        machine.verify();
    }

    @Test
    void free_ofWhatWasNeverAllocated_isReported() {
        TestSlabs machine = TestSlabs.plain();
        long page = machine.pages.conversion().pageOffset() + (machine.pages.allocPage(Gfp.GFP_KERNEL) << 12);
        machine.slabs.kfree(page);
        assertThat(machine.logged())
                .contains("at mm/slub.c free_large_kmalloc")
                .contains("page dumped because: Not a kmalloc allocation");
        machine.log.clear();
        machine.slabs.kfree(0x5555_5555_0000L);
        assertThat(machine.log).containsExactly("BUG: unable to handle page fault for address: 0000555555550000");
        machine.log.clear();
        machine.cache("kmalloc-64").free(page);
        assertThat(machine.log).contains("virt_to_cache: Object is not a Slab page!");
        machine.verify();
    }

    @Test
    void free_intoAnotherCache_isReportedAndFreedWhereItBelongs() {
        TestSlabs machine = TestSlabs.plain();
        KmemCache cache = machine.slabs.create(CacheRequest.of("own", 520, SlabFlags.NO_MERGE));
        long object = cache.alloc(Gfp.GFP_KERNEL);
        machine.cache("kmalloc-64").free(object);
        assertThat(machine.log).contains("cache_from_obj: Wrong slab cache. kmalloc-64 but object is from own");
        assertThat(cache.allocatedObjects()).isZero();
        machine.verify();
    }

    @Test
    void destroy_withObjectsLeft_listsThem() {
        TestSlabs machine = TestSlabs.debugging("U");
        machine.slabs.setCaller("mod_init+0x5/0x20");
        KmemCache cache = machine.slabs.create(CacheRequest.of("leaky", 100, 0));
        long object = cache.alloc(Gfp.GFP_KERNEL);
        machine.slabs.destroy(cache);
        assertThat(machine.logged())
                .contains(headline("leaky", "Objects remaining on __kmem_cache_shutdown()"))
                .contains("Object " + at(object) + " @offset=")
                .contains("Allocated in mod_init+0x5/0x20 age=0 cpu=0 pid=42")
                .contains("kmem_cache_destroy leaky: Slab cache still has objects when called from mod_init+0x5/0x20");
    }

    @Test
    void validate_findsAndRepairsEveryDamagedObject() {
        TestSlabs machine = TestSlabs.debugging("FZP");
        KmemCache cache = machine.slabs.create(CacheRequest.of("checked", 48, 0));
        long used = cache.alloc(Gfp.GFP_KERNEL);
        long free = cache.alloc(Gfp.GFP_KERNEL);
        cache.free(free);
        assertThat(cache.validate()).isZero();
        machine.write(used + 48, 1);
        machine.write(free + 20, 1);
        assertThat(cache.validate()).isEqualTo(2);
        assertThat(cache.validate()).isZero();
    }

    @Test
    void option_withNames_debugsOnlyThese() {
        TestSlabs machine = new TestSlabs(SlabOptions.DEFAULT.withDebug("FZ,kmalloc-64,dma-*"));
        assertThat(machine.cache("kmalloc-64").flags() & SlabFlags.RED_ZONE).isNotZero();
        assertThat(machine.cache("dma-kmalloc-1k").flags() & SlabFlags.RED_ZONE).isNotZero();
        assertThat(machine.cache("kmalloc-128").flags() & SlabFlags.DEBUG).isZero();
    }

    @Test
    void option_withUnknownLetter_isRefused() {
        assertThatThrownBy(() -> SlabOptions.DEFAULT.withDebug("FQ"))
                .isInstanceOf(BadInput.class)
                .hasMessageContaining("'Q'");
    }
}
