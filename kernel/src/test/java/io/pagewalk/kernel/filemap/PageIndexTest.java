package io.pagewalk.kernel.filemap;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.kernel.slub.ObjectSource;
import org.junit.jupiter.api.Test;

/** How many nodes {@code lib/xarray.c} of Linux 6.18 has for entries of several indexes, read there: an entry of order 6 and more is a slot of a node above the leaves. */
class PageIndexTest {
    private final PageIndex index = new PageIndex(ObjectSource.FREE);

    @Test
    void put_hugeFolio_takesOneNodeWhereSinglePagesTakeNine() {
        index.put(0, 1024, 9);
        assertThat(index.count()).isEqualTo(512);
        assertThat(index.get(511)).isEqualTo(1535);
        assertThat(index.nodes()).isEqualTo(1);
        index.remove(0, 9);
        assertThat(index.nodes()).isZero();
        for (int i = 0; i < 512; i++) {
            index.put(i, 1024 + i, 0);
        }
        assertThat(index.nodes()).isEqualTo(9);
    }

    @Test
    void split_hugeFolioDownToOnePage_makesOneLeaf() {
        index.put(0, 1024, 9);
        for (int order = 8; order >= 0; order--) {
            index.split(0, order + 1, order);
            assertThat(index.nodes()).isEqualTo(order >= 6 ? 1 : 2);
        }
        assertThat(index.get(3)).isEqualTo(1027);
        index.remove(0, 0);
        for (int order = 0; order < 9; order++) {
            index.remove(1L << order, order);
        }
        assertThat(index.count()).isZero();
        assertThat(index.nodes()).isZero();
    }

    @Test
    void put_smallFolioAtTheBeginning_takesANodeWhereOnePageTakesNone() {
        index.put(0, 64, 0);
        assertThat(index.nodes()).isZero();
        index.remove(0, 0);
        index.put(0, 64, 2);
        assertThat(index.nodes()).isEqualTo(1);
        index.put(64, 128, 6);
        assertThat(index.nodes()).isEqualTo(2);
        assertThat(index.isEmpty(4, 2)).isTrue();
        assertThat(index.isEmpty(0, 3)).isFalse();
        assertThat(index.next(4)).isEqualTo(64);
    }
}
