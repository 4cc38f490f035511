/**
 * Machines by name: the YAML descriptions that are shipped, a user's own file, and the machine that the program runs on.
 *
 * <p>The way of a description: a source ({@link io.pagewalk.lab.machines.MachineYaml} or {@link io.pagewalk.lab.machines.HostMachine}) gives a
 * {@link io.pagewalk.lab.machines.MachineSpec}; the options {@code --ram}, {@code --nodes} and {@code --cpu} change the spec; the spec becomes
 * the hardware layer's machine description. The format is documented in {@code docs/MACHINES.md}.
 *
 * <p>Simplified: a description holds what memory management looks at: memory map, nodes, CPUs and their TLBs, one disk, what boot reserves, and on a
 * PC serial ports and display cards.
 */
@NullMarked
package io.pagewalk.lab.machines;

import org.jspecify.annotations.NullMarked;
