/** Files and directories that appear whole or not at all. */
@NullMarked
package io.pagewalk.observe.files;

import org.jspecify.annotations.NullMarked;
