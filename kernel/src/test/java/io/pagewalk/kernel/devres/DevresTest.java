package io.pagewalk.kernel.devres;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.Violations;
import io.pagewalk.kernel.io.CountedObjects;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.syscall.Errno;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Order, groups and misuse as {@code drivers/base/devres.c} of Linux gives them. */
class DevresTest {
    private final CountedObjects objects = new CountedObjects();
    private final List<String> log = new ArrayList<>();
    private final List<String> calls = new ArrayList<>();
    private final Devres devres = new Devres(objects, log::add);

    @AfterEach
    void everythingCanBeReleased() {
        Violations violations = new Violations();
        devres.verify("test", violations);
        violations.throwIfAny();
        devres.releaseAll();
        assertThat(devres.isEmpty()).isTrue();
        assertThat(objects.count()).as("objects left").isZero();
    }

    private Runnable action(String name) {
        Runnable action = () -> calls.add(name);
        assertThat(devres.addAction(action)).isZero();
        return action;
    }

    @Test
    void releaseAll_runsBackwardsAndCounts() {
        action("a");
        action("b");
        action("c");
        assertThat(devres.releaseAll()).isEqualTo(3);
        assertThat(calls).containsExactly("c", "b", "a");
        assertThat(objects.count()).isZero();
    }

    @Test
    void removeAction_forgetsWithoutRunning() {
        action("a");
        Runnable b = action("b");
        devres.removeAction(b);
        devres.removeAction(b);
        assertThat(log).containsExactly("WARNING: at drivers/base/devres.c devm_remove_action_nowarn()");
        devres.releaseAll();
        assertThat(calls).containsExactly("a");
    }

    @Test
    void releaseAction_runsOnceNow() {
        Runnable a = action("a");
        action("b");
        devres.releaseAction(a);
        assertThat(calls).containsExactly("a");
        devres.releaseAction(a);
        assertThat(log).containsExactly("WARNING: at drivers/base/devres.c devm_release_action()");
        devres.releaseAll();
        assertThat(calls).containsExactly("a", "b");
    }

    @Test
    void addAction_sameOneTwice_runsTwice() {
        Runnable a = action("a");
        assertThat(devres.addAction(a)).isZero();
        devres.removeAction(a);
        assertThat(devres.count()).isEqualTo(1);
    }

    @Test
    void addActionOrReset_withoutMemory_runsAtOnce() {
        objects.failNth(1);
        assertThat(devres.addAction(() -> calls.add("lost"))).isEqualTo(-Errno.ENOMEM);
        assertThat(calls).isEmpty();
        objects.failNth(1);
        assertThat(devres.addActionOrReset(() -> calls.add("reset"))).isEqualTo(-Errno.ENOMEM);
        assertThat(calls).containsExactly("reset");
        assertThat(devres.isEmpty()).isTrue();
    }

    @Test
    void releaseGroup_closed_takesOnlyWhatIsInside() {
        action("before");
        long outer = devres.openGroup(0, Gfp.GFP_KERNEL);
        action("one");
        long inner = devres.openGroup(0, Gfp.GFP_KERNEL);
        action("two");
        devres.closeGroup(inner);
        action("three");
        devres.closeGroup(outer);
        action("after");
        assertThat(devres.releaseGroup(outer)).isEqualTo(3);
        assertThat(calls).containsExactly("three", "two", "one");
        // Both groups are gone with it.
        assertThat(devres.releaseGroup(inner)).isZero();
        assertThat(log).containsExactly("WARNING: at drivers/base/devres.c devres_release_group()");
        devres.releaseAll();
        assertThat(calls).endsWith("after", "before");
    }

    @Test
    void releaseGroup_open_takesAllThatFollows() {
        action("before");
        devres.openGroup(0, Gfp.GFP_KERNEL);
        action("one");
        action("two");
        assertThat(devres.releaseGroup(0)).isEqualTo(2);
        assertThat(calls).containsExactly("two", "one");
        assertThat(devres.count()).isEqualTo(1);
    }

    /** A group that begins inside another one and ends outside loses its contents, but stays a group. */
    @Test
    void releaseGroup_overlappingGroup_keepsTheOtherGroup() {
        long first = devres.openGroup(1, Gfp.GFP_KERNEL);
        action("a");
        long second = devres.openGroup(2, Gfp.GFP_KERNEL);
        action("b");
        devres.closeGroup(first);
        action("c");
        devres.closeGroup(second);
        assertThat(devres.releaseGroup(first)).isEqualTo(2);
        assertThat(calls).containsExactly("b", "a");
        assertThat(devres.releaseGroup(second)).isEqualTo(1);
        assertThat(calls).containsExactly("b", "a", "c");
        assertThat(log).isEmpty();
    }

    @Test
    void removeGroup_keepsTheResources() {
        long id = devres.openGroup(7, Gfp.GFP_KERNEL);
        assertThat(id).isEqualTo(7);
        action("a");
        devres.removeGroup(id);
        assertThat(devres.count()).isEqualTo(1);
        devres.removeGroup(id);
        devres.closeGroup(id);
        assertThat(log)
                .containsExactly(
                        "WARNING: at drivers/base/devres.c devres_remove_group()",
                        "WARNING: at drivers/base/devres.c devres_close_group()");
    }

    @Test
    void closeGroup_twice_isABugThatChangesNothing() {
        long id = devres.openGroup(7, Gfp.GFP_KERNEL);
        devres.closeGroup(id);
        devres.closeGroup(id);
        assertThat(log).containsExactly("kernel BUG at drivers/base/devres.c add_dr()");
    }

    @Test
    void openGroup_withoutMemory_isNone() {
        objects.failNth(1);
        assertThat(devres.openGroup(0, Gfp.GFP_KERNEL)).isZero();
        assertThat(devres.isEmpty()).isTrue();
    }

    /** An action may itself release what is left, as a driver that is torn down from inside does; there is nothing left then, and no warning. */
    @Test
    void releaseGroup_duringReleaseAll_isSilent() {
        long id = devres.openGroup(3, Gfp.GFP_KERNEL);
        action("a");
        devres.closeGroup(id);
        assertThat(devres.addAction(() -> devres.releaseGroup(id))).isZero();
        devres.releaseAll();
        assertThat(calls).containsExactly("a");
        assertThat(log).isEmpty();
    }
}
