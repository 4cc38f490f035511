/**
 * Page faults that a program handles itself: {@code userfaultfd()}, its ioctls and the messages that its reader gets.
 *
 * <p>Models {@code fs/userfaultfd.c} and the walks over areas of {@code mm/userfaultfd.c}; what happens to single pages lies in {@code kernel.fault}, what happens to areas in
 * {@code kernel.vma}. The model runs one task at a time, so a task that must wait is marked as asleep, the caller of the access or system call learns of it, and goes on with
 * another task until the sleeper is woken.
 *
 * <p>Simplified: the structures cost no kernel memory. Neighbours: {@code kernel.fault} calls up through {@code UserfaultSource}, {@code kernel.vma} through
 * {@code UserfaultContext}; {@code kernel.system} lets tasks sleep and wakes them.
 */
@NullMarked
package io.pagewalk.kernel.userfaultfd;

import org.jspecify.annotations.NullMarked;
