/** The program's entry: {@link io.pagewalk.app.Main} hands the command line to {@code cli}. Commands and pages; no decisions of their own. */
@NullMarked
package io.pagewalk.app;

import org.jspecify.annotations.NullMarked;
