//! Whether two kernels end in the same outcomes as often: Fisher's exact test.
//! Lives here: its p value for tables of two columns and any number of rows (pure).
//! May not live here: what the rows are, or what follows.

use statrs::function::factorial::ln_factorial;

/// Most tables that are gone through, so that a comparison takes no longer than a moment.
const MAX_TABLES: f64 = 1e7;

/// Tables no likelier than the one seen, to this relative precision; R's `fisher.test` has the same (`relErr`).
const EQUAL: f64 = 1e-7;

/// The two-sided p value, 0 to 1, of a table with a row for each outcome and a column for each side: the probability, given the sums of
/// rows and columns, of all tables that are no likelier than this one (R. A. Fisher, 1934; more than two rows: G. H. Freeman and J. H.
/// Halton, Biometrika 38 (1951), 141–149). All tables are gone through, so it is exact. 1 where a side has no runs; `None` where there are
/// more than some ten million tables.
pub fn fisher(rows: &[[u64; 2]]) -> Option<f64> {
    let rows: Vec<[u64; 2]> = rows.iter().copied().filter(|row| row.iter().sum::<u64>() > 0).collect();
    let sums: Vec<u64> = rows.iter().map(|row| row[0] + row[1]).collect();
    let column = |side: usize| rows.iter().map(|row| row[side]).sum::<u64>();
    let (a, b) = (column(0), column(1));
    if a == 0 || b == 0 || rows.len() < 2 {
        return Some(1.0);
    }
    // The last row follows from the others.
    if sums[1..].iter().map(|&sum| sum.min(a) as f64 + 1.0).product::<f64>() > MAX_TABLES {
        return None;
    }
    let whole = ln_choose(a + b, a);
    let seen: f64 = rows.iter().map(|row| ln_choose(row[0] + row[1], row[0])).sum();
    let mut tables = Tables { limit: seen - whole + EQUAL, whole, p: 0.0 };
    tables.go(&sums, a, 0.0);
    Some(tables.p.min(1.0))
}

/// The probabilities of tables, gone through row by row.
struct Tables {
    limit: f64,
    whole: f64,
    p: f64,
}

impl Tables {
    /// `left` runs of the first side go into these rows; `ln` is what the rows before say.
    fn go(&mut self, sums: &[u64], left: u64, ln: f64) {
        let Some((&sum, rest)) = sums.split_first() else {
            let ln = ln - self.whole;
            if left == 0 && ln <= self.limit {
                self.p += ln.exp();
            }
            return;
        };
        let others: u64 = rest.iter().sum();
        for here in left.saturating_sub(others)..=sum.min(left) {
            self.go(rest, left - here, ln + ln_choose(sum, here));
        }
    }
}

fn ln_choose(n: u64, k: u64) -> f64 {
    ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn is(rows: &[[u64; 2]], expected: f64) {
        let p = fisher(rows).unwrap();
        assert!((p - expected).abs() < 5e-5 * expected.max(1e-3), "{rows:?}: {p}, expected {expected}");
    }

    #[test]
    fn known_values() {
        // R's manual of fisher.test: `TeaTasting`, and `Convictions` (both two-sided).
        is(&[[3, 1], [1, 3]], 0.485_714);
        is(&[[2, 10], [15, 3]], 0.000_536_7);
        // fishers_exact's manual.
        is(&[[1, 9], [11, 3]], 0.002_759_4);
        // By hand: 2 of choose(2n, n) tables.
        is(&[[4, 0], [0, 4]], 2.0 / 70.0);
        is(&[[0, 5], [5, 0]], 2.0 / 252.0);
        // By hand: of choose(6, 3) = 20 ways, with rows of two, 12 are equal halves (2·2·2 of 1-1-1, likeliest) … the rest is p.
        is(&[[2, 0], [1, 1], [0, 2]], 12.0 / 20.0);
        // All three rows apart: 2 rows of 2 on one side, 4 of the other.
        is(&[[4, 0], [0, 2], [0, 2]], 2.0 / 70.0);
    }

    #[test]
    fn where_nothing_can_differ_nothing_does() {
        for rows in [&[][..], &[[3, 4]], &[[3, 4], [0, 0]], &[[3, 0], [4, 0]]] {
            assert_eq!(fisher(rows), Some(1.0), "{rows:?}");
        }
        assert_eq!(fisher(&[[5000, 5000], [5000, 5000], [5000, 5000]]), None, "too many tables");
    }

    proptest! {
        #[test]
        fn sides_and_rows_may_be_swapped(mut rows in prop::collection::vec([0_u64..9, 0_u64..9], 2..5)) {
            let p = fisher(&rows).unwrap();
            prop_assert!((0.0..=1.0).contains(&p));
            rows.iter_mut().for_each(|row| row.reverse());
            rows.reverse();
            prop_assert!((fisher(&rows).unwrap() - p).abs() < 1e-9);
        }

        #[test]
        fn it_is_seldom_small_where_nothing_differs(a in 1_u64..12, b in 1_u64..12, bad in 0_u64..20) {
            // The chance of p ≤ 0.05, summed over all tables with these sums, is at most 0.05.
            let bad = bad.min(a + b);
            let tables = bad.saturating_sub(b)..=bad.min(a);
            let chance = |x: u64| (ln_choose(a, x) + ln_choose(b, bad - x) - ln_choose(a + b, bad)).exp();
            let small = tables.filter(|&x| fisher(&[[x, bad - x], [a - x, b - (bad - x)]]).unwrap() <= 0.05);
            prop_assert!(small.map(chance).sum::<f64>() <= 0.05 + 1e-9);
        }
    }
}
