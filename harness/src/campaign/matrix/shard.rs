//! A part of a matrix, for one of several machines.
//! Lives here: which cells each machine gets.
//! May not live here: how long a cell takes (the caller knows, or guesses).

/// Part `index` of `count`, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Which, from 1 to `count`.
    pub index: usize,
    /// How many there are; at least 1.
    pub count: usize,
}

impl std::str::FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/').and_then(|(index, count)| Some((index.parse().ok()?, count.parse().ok()?)));
        match parts {
            Some((index, count)) if 0 < index && index <= count => Ok(Self { index, count }),
            _ => Err("a shard is I/N, from 1/N to N/N: `2/3`".into()),
        }
    }
}

/// The cells of a shard, by index, in order; `seconds` says how long all runs of each cell take. The longest goes first, each to the
/// machine with the least so far (longest processing time first: R. L. Graham, SIAM Journal on Applied Mathematics 17 (1969), 416–429:
/// at most a third more than the best division). Of equal cells and machines the first is taken, so every machine with the same matrix
/// and the same times comes to the same division.
pub fn shard(seconds: &[f64], shard: Shard) -> Vec<usize> {
    let mut order: Vec<usize> = (0..seconds.len()).collect();
    order.sort_by(|&a, &b| seconds[b].total_cmp(&seconds[a]).then(a.cmp(&b)));
    let mut loads = vec![0.0; shard.count];
    let mut mine = Vec::new();
    for cell in order {
        let least = (0..shard.count).min_by(|&a, &b| f64::total_cmp(&loads[a], &loads[b]).then(a.cmp(&b)));
        let least = least.unwrap_or(0);
        loads[least] += seconds[cell];
        if least + 1 == shard.index {
            mine.push(cell);
        }
    }
    mine.sort_unstable();
    mine
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_shard_is_written_as_a_fraction() {
        assert_eq!("2/3".parse(), Ok(Shard { index: 2, count: 3 }));
        for wrong in ["0/3", "4/3", "2", "a/b", "1/0", "-1/2"] {
            assert!(wrong.parse::<Shard>().unwrap_err().contains("`2/3`"), "{wrong}");
        }
    }

    #[test]
    fn the_machines_are_equally_long_at_it() {
        let seconds = [60.0, 60.0, 300.0, 60.0, 60.0, 60.0];
        let of = |index| shard(&seconds, Shard { index, count: 2 });
        assert_eq!((of(1), of(2)), (vec![2], vec![0, 1, 3, 4, 5]));
    }

    proptest! {
        #[test]
        fn every_cell_is_in_one_shard(seconds in prop::collection::vec(0.0..1000.0, 0..60), count in 1_usize..9) {
            let all = (1..=count).flat_map(|index| shard(&seconds, Shard { index, count }));
            let mut all: Vec<usize> = all.collect();
            all.sort_unstable();
            prop_assert_eq!(all, (0..seconds.len()).collect::<Vec<_>>());
        }
    }
}
