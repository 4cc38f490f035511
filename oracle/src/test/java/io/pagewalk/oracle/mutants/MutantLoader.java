package io.pagewalk.oracle.mutants;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import org.jspecify.annotations.Nullable;

/** Defines all classes of the model anew, one of them with a planted bug. */
final class MutantLoader extends ClassLoader {
    private static final String OURS = "io.pagewalk.";

    private final @Nullable Mutant mutant;
    private boolean isPlanted;

    static {
        registerAsParallelCapable();
    }

    MutantLoader(@Nullable Mutant mutant) {
        super(MutantLoader.class.getClassLoader());
        this.mutant = mutant;
    }

    /** Whether the class with the bug was needed so far. */
    boolean isPlanted() {
        return isPlanted;
    }

    @Override
    protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
        if (!name.startsWith(OURS)) {
            return super.loadClass(name, resolve);
        }
        synchronized (getClassLoadingLock(name)) {
            Class<?> known = findLoadedClass(name);
            return known != null ? known : define(name);
        }
    }

    private Class<?> define(String name) throws ClassNotFoundException {
        try (InputStream in = getParent().getResourceAsStream(name.replace('.', '/') + ".class")) {
            if (in == null) {
                throw new ClassNotFoundException(name);
            }
            byte[] bytes = in.readAllBytes();
            if (mutant != null && mutant.fullClassName().equals(name)) {
                bytes = mutant.apply(bytes, getParent());
                isPlanted = true;
            }
            return defineClass(name, bytes, 0, bytes.length);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
