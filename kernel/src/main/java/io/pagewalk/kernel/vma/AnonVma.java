package io.pagewalk.kernel.vma;

/** The identity of a {@code struct anon_vma}, which the reverse map implements; here only sameness matters. */
public interface AnonVma {
    /** Returns a number that is unique among those of one machine and equal in every run, for digests. */
    long id();
}
