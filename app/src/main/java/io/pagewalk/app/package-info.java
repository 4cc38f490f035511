/** Commands and pages; no decisions of their own. */
@NullMarked
package io.pagewalk.app;

import org.jspecify.annotations.NullMarked;
