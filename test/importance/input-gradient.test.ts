import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { channelNorm, type EdgeMedian, edgeMask, meanPool } from '../../src/importance/input-gradient.ts'

interface EdgeCase {
  readonly height: number
  readonly width: number
  readonly median: EdgeMedian
  readonly bytes: readonly number[]
  readonly mask: readonly number[]
}

// Written by reference/edge_fixtures.py with torchvision's blur and scipy's median filter.
const cases: EdgeCase[] = JSON.parse(readFileSync(new URL('../fixtures/edges.json', import.meta.url), 'utf8'))

it.each(cases)('edges of a $width x $height picture, median $median, are the reference’s', edgeCase => {
  const pixels = Float32Array.from(edgeCase.bytes, byte => byte / 255)
  expect([...edgeMask(pixels, edgeCase.width, edgeCase.median)]).toEqual(edgeCase.mask)
})

it('an even picture has no edges', () => {
  expect([...edgeMask(new Float32Array(3 * 30).fill(0.4), 6, 3)]).toEqual(new Array(30).fill(0))
})

it('a picture of one pixel has no edges', () => {
  expect([...edgeMask(Float32Array.of(0.1, 0.2, 0.3), 1, 7)]).toEqual([0])
})

it('the norm is over the three channels of each pixel', () => {
  expect([...channelNorm(Float32Array.of(3, 0, 4, 0, 0, 12))]).toEqual([5, 12])
})

it('pooling takes the mean of each whole cell and leaves the rest out', () => {
  const values = Float32Array.of(1, 2, 3, 4, 9, 5, 6, 7, 8, 9, 9, 9, 9, 9, 9)
  expect([...meanPool(values, 5, 2)]).toEqual([3.5, 5.5])
})
