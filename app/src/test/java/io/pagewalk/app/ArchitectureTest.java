package io.pagewalk.app;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noFields;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/** Directions that DESIGN lays down: modules downwards, and inside the kernel one layer on top of another. */
class ArchitectureTest {
    private static final JavaClasses CLASSES = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("io.pagewalk");

    /** Each module with those above it, which it must not know. */
    private static final List<String> MODULES =
            List.of("base", "hardware", "kernel", "workload", "observe", "oracle", "lab", "app");

    /** The kernel's packages, lowest first; packages of one entry stand beside each other. */
    private static final List<List<String>> KERNEL_LAYERS = List.of(
            List.of("sysctl", "time"),
            List.of("page"),
            List.of("zone"),
            List.of("buddy"),
            List.of("numa"),
            List.of("slub"),
            List.of("memblock", "compaction"),
            List.of("cma"),
            List.of("vmalloc"),
            List.of("highmem"),
            List.of("io"),
            List.of("devres"),
            List.of("vma"),
            List.of("rmap"),
            List.of("huge"),
            List.of("filemap"),
            List.of("shmem"),
            List.of("ipc"),
            List.of("oom"),
            List.of("fault"),
            List.of("userfaultfd", "gup", "hugetlb"),
            List.of("ksm", "khugepaged", "migrate", "procfs", "pipe"),
            List.of("mempolicy"),
            List.of("drivers"),
            List.of("exec"),
            List.of("system"));

    @Test
    void modules_importDownwardsOnly() {
        for (int low = 0; low < MODULES.size(); low++) {
            for (int high = low + 1; high < MODULES.size(); high++) {
                noClasses()
                        .that()
                        .resideInAPackage("io.pagewalk." + MODULES.get(low) + "..")
                        .should()
                        .dependOnClassesThat()
                        .resideInAPackage("io.pagewalk." + MODULES.get(high) + "..")
                        .because("modules know only those below them")
                        .allowEmptyShould(true)
                        .check(CLASSES);
            }
        }
    }

    @Test
    void observe_knowsNoWorkload() {
        noClasses()
                .that()
                .resideInAPackage("io.pagewalk.observe..")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("io.pagewalk.workload..")
                .because("an observer reads the kernel, whoever drives it")
                .check(CLASSES);
    }

    @Test
    void kernelPackages_importDownwardsOnly() {
        for (int low = 0; low < KERNEL_LAYERS.size(); low++) {
            for (int high = low + 1; high < KERNEL_LAYERS.size(); high++) {
                for (String lower : KERNEL_LAYERS.get(low)) {
                    for (String upper : KERNEL_LAYERS.get(high)) {
                        noClasses()
                                .that()
                                .resideInAPackage("io.pagewalk.kernel." + lower + "..")
                                .should()
                                .dependOnClassesThat()
                                .resideInAPackage("io.pagewalk.kernel." + upper + "..")
                                .because("a lower package of the kernel declares an interface, and system wires it")
                                .allowEmptyShould(true)
                                .check(CLASSES);
                    }
                }
            }
        }
    }

    @Test
    void kernelPackages_areAllLayered() {
        Set<String> known =
                new TreeSet<>(KERNEL_LAYERS.stream().flatMap(List::stream).toList());
        known.add("syscall");
        Set<String> found = new TreeSet<>();
        CLASSES.stream()
                .map(type -> type.getPackageName())
                .filter(name -> name.startsWith("io.pagewalk.kernel."))
                .forEach(name -> found.add(name.split("\\.", -1)[3]));
        assertThat(known).containsAll(found);
    }

    @Test
    void packages_haveNoCycles() {
        slices().matching("io.pagewalk.(**)").should().beFreeOfCycles().check(CLASSES);
    }

    @Test
    void staticFields_areFinal() {
        noFields()
                .that()
                .areStatic()
                .and()
                .areNotFinal()
                .should()
                .bePublic()
                .orShould()
                .beDeclaredInClassesThat()
                .resideInAPackage("io.pagewalk..")
                .because("two machines live in one JVM: there is no static state")
                .allowEmptyShould(true)
                .check(CLASSES);
    }

    @Test
    void packages_areNullMarkedAndDescribed() {
        List<String> missing = new ArrayList<>();
        Set<String> packages = new TreeSet<>();
        CLASSES.stream().map(type -> type.getPackageName()).forEach(packages::add);
        for (String name : packages) {
            boolean isMarked = CLASSES.stream()
                    .filter(type -> type.getPackageName().equals(name)
                            && type.getSimpleName().equals("package-info"))
                    .anyMatch(type -> type.isAnnotatedWith("org.jspecify.annotations.NullMarked"));
            if (!isMarked) {
                missing.add(name);
            }
        }
        assertThat(missing)
                .as("packages without a package-info.java that says @NullMarked")
                .isEmpty();
    }

    @Test
    void printing_belongsToTheCommandLine() {
        noClasses()
                .that()
                // A recorder hands this process's streams to the program that it records.
                .resideOutsideOfPackages("io.pagewalk.app..", "io.pagewalk.bench..", "io.pagewalk.workload.record..")
                .should()
                .accessField(System.class, "out")
                .orShould()
                .accessField(System.class, "err")
                .because("libraries return values")
                .check(CLASSES);
    }

    @Test
    void modelledLayers_readNoWallClock() {
        noClasses()
                .that()
                .resideInAnyPackage(
                        "io.pagewalk.base..",
                        "io.pagewalk.hardware..",
                        "io.pagewalk.kernel..",
                        "io.pagewalk.observe.proc..")
                .should()
                .callMethod(System.class, "nanoTime")
                .orShould()
                .callMethod(System.class, "currentTimeMillis")
                .because("time is simulated and the same input gives the same output")
                .check(CLASSES);
    }

    @Test
    void classes_withoutIdentityHash() {
        noClasses()
                .that()
                .resideInAnyPackage("io.pagewalk.base..", "io.pagewalk.hardware..", "io.pagewalk.kernel..")
                .should()
                .callMethod(System.class, "identityHashCode", Object.class)
                .check(CLASSES);
    }
}
