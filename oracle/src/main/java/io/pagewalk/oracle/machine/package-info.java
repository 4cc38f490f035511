/**
 * Two machines that make the same steps: {@code NativeMachine}, a small C program that performs raw calls on the Linux this runs on, and {@code ModelMachine}, a booted
 * {@code kernel.system.LinuxKernel} with a process that looks the same.
 *
 * <p>{@code HelperProgram} compiles the C program, {@code HelperProfile} says what the model must know of it, {@code Watchdog} ends it when it hangs; such ends are
 * {@code HelperFailure}s. {@code Step} and {@code Answer} are the protocol, {@code StepText} its form for people, {@code Slots} who lives.
 *
 * <p>Simplified: one thread at a time runs, so that races are not explored. Neighbours: drives {@code kernel.system}, prints through {@code observe.proc}; {@code oracle.fuzz} makes random
 * histories with it, {@code oracle.conformance} single cases.
 */
@NullMarked
package io.pagewalk.oracle.machine;

import org.jspecify.annotations.NullMarked;
