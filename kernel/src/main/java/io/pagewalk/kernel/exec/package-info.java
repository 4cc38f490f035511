/**
 * Loading programs: {@code fs/binfmt_elf.c} and the part of {@code fs/exec.c} that makes the first stack.
 *
 * <p>{@link io.pagewalk.kernel.exec.ElfFile} holds the headers of a real file, {@link io.pagewalk.kernel.exec.ElfLoader} maps it, its dynamic linker, {@code [vdso]} and {@code [vvar]}, and writes
 * arguments, environment and auxiliary vector. Addresses are those without randomisation. Only x86-64 files are loaded; scripts ({@code #!}) are the caller's affair.
 *
 * <p>Neighbours: {@code vma} maps, {@code filemap} opens files, {@code system} makes the process around it and lends the user memory.
 */
@NullMarked
package io.pagewalk.kernel.exec;

import org.jspecify.annotations.NullMarked;
