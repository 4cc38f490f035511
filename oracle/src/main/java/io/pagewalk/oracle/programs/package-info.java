/**
 * Real programs on both sides: one that ran natively is recorded by single steps and replayed on the model, whose kernel chooses every address itself; the last {@code maps} and the page faults are compared.
 *
 * <p>Neighbours: {@code workload.record} runs and records, {@code workload.replay} replays, {@code observe.proc} prints.
 */
@NullMarked
package io.pagewalk.oracle.programs;

import org.jspecify.annotations.NullMarked;
