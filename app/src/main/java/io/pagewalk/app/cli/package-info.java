/**
 * The command line: each command reads its options, calls {@code lab} or {@code workload}, and prints.
 *
 * <p>Exit codes: 0; 2 for input that cannot be used, with one line on the standard error and nothing half written; 1 for a defect of Pagewalk
 * itself. Progress goes to the standard error and only to a terminal; colour too, and not when {@code NO_COLOR} is set.
 */
@NullMarked
package io.pagewalk.app.cli;

import org.jspecify.annotations.NullMarked;
