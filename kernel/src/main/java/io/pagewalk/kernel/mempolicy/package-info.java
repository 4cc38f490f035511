/**
 * The system calls about memory policies and about moving pages between nodes: set_mempolicy, get_mempolicy, mbind, set_mempolicy_home_node, migrate_pages and move_pages.
 *
 * <p>Models the calls of {@code mm/mempolicy.c} and {@code mm/migrate.c:kernel_move_pages()}. What a policy is, and how allocations follow it, lies below in
 * {@code kernel.numa}. Neighbours: {@code migrate} and {@code fault} below; {@code system} above registers the calls.
 *
 * <p>Differs from Linux: there are no cpusets.
 */
@NullMarked
package io.pagewalk.kernel.mempolicy;

import org.jspecify.annotations.NullMarked;
