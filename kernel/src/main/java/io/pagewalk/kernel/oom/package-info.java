/**
 * The out-of-memory killer: badness, choice, and the report in the kernel's words. Models {@code mm/oom_kill.c} and {@code mm/show_mem.c}.
 *
 * <p>Simplified: no memory cgroups, cpusets or memory policies, so the constraint is always {@code CONSTRAINT_NONE}; the victim's memory is reaped at once. Neighbours:
 * {@code buddy} calls it through an interface, {@code system} gives it the tasks.
 */
@NullMarked
package io.pagewalk.kernel.oom;

import org.jspecify.annotations.NullMarked;
