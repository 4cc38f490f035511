/**
 * Transparent huge pages: which sizes an area may have, what is counted of them, and the settings of {@code /sys/kernel/mm/transparent_hugepage} ({@code mm/huge_memory.c}).
 *
 * <p>The {@code fault} package maps them and splits them, {@code khugepaged} makes them of small pages.
 */
@NullMarked
package io.pagewalk.kernel.huge;

import org.jspecify.annotations.NullMarked;
