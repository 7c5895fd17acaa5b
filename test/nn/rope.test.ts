import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { input } from '../../src/graph/ops.ts'
import { type Rope, rotaryTables, rotate } from '../../src/nn/rope.ts'
import { array, at, randomArray } from '../onnx/array.ts'
import { runGraph, toValue } from '../onnx/run-graph.ts'

/** Written by reference/rope_fixtures.py: half a table of [positions, headSize], as both halves are equal. */
interface Fixture extends Rope {
  readonly cos: number[][]
  readonly sin: number[][]
}
const { positions, cases }: { positions: number[]; cases: Fixture[] } = JSON.parse(
  readFileSync(new URL('../fixtures/rope.json', import.meta.url), 'utf8'),
)

/** An angle at position 100,000 has a rounding of 0.004; the tables agree because they round alike. */
const tolerance = 1e-5

describe('rotary tables equal the reference at every position up to 100,000', () => {
  it.each(cases)('$scaling.rope_type, heads of $headSize, theta $theta', ({ cos, sin, ...rope }) => {
    positions.forEach((position, row) => {
      const tables = rotaryTables(rope, [position])
      for (let channel = 0; channel < rope.headSize; channel++) {
        const pair = channel % (rope.headSize / 2)
        const where = `channel ${channel} at ${position}`
        expect(Math.abs(tables.cos[channel]! - cos[row]![pair]!), where).toBeLessThan(tolerance)
        expect(Math.abs(tables.sin[channel]! - sin[row]![pair]!), where).toBeLessThan(tolerance)
      }
    })
  })
})

describe('rotary tables', () => {
  const rope: Rope = { headSize: 6, theta: 10_000, scaling: { rope_type: 'default' } }

  it('are those of each position', () => {
    const together = rotaryTables(rope, [1000, 7, 1000])
    const single = [1000, 7, 1000].map(position => rotaryTables(rope, [position]))
    expect([...together.cos]).toEqual(single.flatMap(({ cos }) => [...cos]))
    expect([...together.sin]).toEqual(single.flatMap(({ sin }) => [...sin]))
  })

  it('turn nothing at position 0', () => {
    const { cos, sin } = rotaryTables(rope, [0])
    expect([...cos, ...sin]).toEqual([1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0])
  })

  it('of no position are empty', () => {
    expect(rotaryTables(rope, [])).toEqual({ cos: new Float32Array(), sin: new Float32Array() })
  })
})

it('rotation multiplies pairs of channels, half a head apart, as complex numbers', async () => {
  const [count, heads, size] = [3, 2, 6]
  const angles = randomArray([count, size / 2], 1)
  const table = (f: (angle: number) => number) =>
    array([count, 1, size], (s, _, channel) => f(at(angles, s, channel % (size / 2))))
  const feeds = { x: randomArray([count, heads, size], 2), cos: table(Math.cos), sin: table(Math.sin) }
  const x = input('x', 'float32', ['S', heads, size])
  const [cos, sin] = ['cos', 'sin'].map(name => input(name, 'float32', ['S', 1, size]))
  const { y } = await runGraph(
    { y: rotate(x, cos!, sin!) },
    Object.fromEntries(Object.entries(feeds).map(([name, value]) => [name, toValue(value)])),
  )
  for (let s = 0; s < count; s++) {
    for (let head = 0; head < heads; head++) {
      for (let pair = 0; pair < size / 2; pair++) {
        const [re, im] = [at(feeds.x, s, head, pair), at(feeds.x, s, head, pair + size / 2)]
        const [length, angle] = [Math.hypot(re, im), Math.atan2(im, re) + at(angles, s, pair)]
        expect(at(y!, s, head, pair)).toBeCloseTo(length * Math.cos(angle), 5)
        expect(at(y!, s, head, pair + size / 2)).toBeCloseTo(length * Math.sin(angle), 5)
      }
    }
  }
})
