/**
 * One run: a trace replayed on a machine, and what can be told about it afterwards.
 *
 * <p>{@link io.pagewalk.lab.run.RunRequest} is the question, {@link io.pagewalk.lab.run.RunResult} the answer in plain values;
 * {@link io.pagewalk.lab.run.TextReport} and {@link io.pagewalk.lab.run.JsonReport} write it down and decide nothing.
 */
@NullMarked
package io.pagewalk.lab.run;

import org.jspecify.annotations.NullMarked;
