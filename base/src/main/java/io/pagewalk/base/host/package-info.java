/** The kernel of this computer, where the model is held against it: settings that are changed for a time, for one user at a time. */
@NullMarked
package io.pagewalk.base.host;

import org.jspecify.annotations.NullMarked;
