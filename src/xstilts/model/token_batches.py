"""Batches by length: as many sequences together as a number of padded tokens allows."""

from collections.abc import Sequence


def split_token_batches(sizes: Sequence[tuple[int, int]], tokens: int, longest_first: bool = False) -> list[list[int]]:
    """Indices in batches of at most `tokens` padded tokens; one that alone has more is a batch of its own.

    `sizes`: of each item how many rows it has and how long the longest is. Items are sorted by them, and all items of a batch
    have as many rows. `longest_first` uses most memory at the beginning, so what does not fit fails at once."""
    batches: list[list[int]] = []
    rows = width = 0
    for i in sorted(range(len(sizes)), key=lambda i: sizes[i], reverse=longest_first):
        count, longest = sizes[i]
        width = max(width, longest)
        if batches and count == sizes[batches[-1][0]][0] and (rows + count) * width <= tokens:
            batches[-1].append(i)
            rows += count
        else:
            batches.append([i])
            rows, width = count, longest
    return batches
