/**
 * The NUMA topology of a machine: nodes, distances as firmware states them, and which node each CPU belongs to.
 *
 * <p>Linux reads the same from the ACPI tables SLIT and SRAT ({@code drivers/acpi/numa/srat.c}) or from the device tree. A machine without NUMA is one node.
 */
@NullMarked
package io.pagewalk.hardware.numa;

import org.jspecify.annotations.NullMarked;
