/**
 * Kernel code that uses the pages of a program: {@code mm/gup.c} and its users {@code process_vm_readv()}, {@code process_vm_writev()} and {@code /proc/PID/mem}.
 *
 * <p>A page is held by a reference ({@code FOLL_GET}) or pinned by 1,024 of them ({@code FOLL_PIN}), which fork and {@code UFFDIO_MOVE} respect. Only exclusive anonymous pages
 * are pinned, so that a later copy-on-write cannot leave the holder with another page than the program.
 *
 * <p>Simplified: there is no walk without locks, and pages pinned for long are not moved out of movable zones first. Neighbours: {@code kernel.fault} faults pages in and copies
 * them; {@code kernel.system} registers the calls.
 */
@NullMarked
package io.pagewalk.kernel.gup;

import org.jspecify.annotations.NullMarked;
