import { describe, expect, it } from 'vitest'
import { type Looker, type Method, mapMethods, methods, parseMethod } from '../../src/importance/method.ts'
import { relativeAttention } from '../../src/importance/relative-attention.ts'

const layer = (...values: number[]): Float32Array => Float32Array.from(values)

describe('relative attention', () => {
  it('is the attention under the question, divided by that under the general prompt', () => {
    const map = relativeAttention([layer(0.5, 0.125, 0.25, 0)], [layer(0.25, 0.25, 0.25, 0.5)])
    expect([...map]).toEqual([2, 0.5, 1, 0])
  })

  it('of several layers is the mean of their quotients, not the quotient of their means', () => {
    const question = [layer(0.5, 0.5), layer(0.001, 0.003)]
    const general = [layer(0.25, 1), layer(0.002, 0.001)]
    const map = relativeAttention(question, general)
    expect(map[0]).toBeCloseTo((2 + 0.5) / 2, 6)
    expect(map[1]).toBeCloseTo((0.5 + 3) / 2, 6)
  })

  it('does not depend on the order of layers, nor on their scale', () => {
    const [a, b] = [layer(0.1, 0.4, 0.2), layer(0.3, 0.1, 0.1)]
    const [c, d] = [layer(0.2, 0.2, 0.2), layer(0.4, 0.05, 0.1)]
    const map = [...relativeAttention([a, b], [c, d])]
    const close = (other: Float32Array): void =>
      other.forEach((value, i) => {
        expect(value).toBeCloseTo(map[i]!, 6)
      })
    close(relativeAttention([b, a], [d, c]))
    const scaled = (values: Float32Array): Float32Array => values.map(value => value / 1024)
    close(relativeAttention([a, scaled(b)], [c, scaled(d)]))
  })

  it('is 1 everywhere where the question changes nothing', () => {
    const attention = [layer(0.7, 1e-7, 0.01)]
    expect([...relativeAttention(attention, attention)]).toEqual([1, 1, 1])
  })

  it('is 0 where neither prompt attends, and finite where only the question does', () => {
    const map = relativeAttention([layer(0, 0.5, 0)], [layer(0, 0, 1e-30)])
    expect(map[0]).toBe(0)
    expect(map[1]).toBeGreaterThan(1e9)
    expect(map.every(Number.isFinite)).toBe(true)
    expect(map[2]).toBe(0)
  })

  it('keeps what is broken visible: not a number stays one', () => {
    const broken = layer(Number.NaN, 0.5)
    expect([...relativeAttention([broken], [layer(1, 1)])]).toEqual([Number.NaN, 0.5])
    expect([...relativeAttention([layer(1, 1)], [broken])]).toEqual([Number.NaN, 2])
  })

  it('leaves what it is given as it is', () => {
    const [question, general] = [[layer(0.5)], [layer(0.25)]]
    relativeAttention(question, general)
    expect([question, general]).toEqual([[layer(0.5)], [layer(0.25)]])
  })

  it('of no layers is an empty map', () => {
    expect(relativeAttention([], [])).toEqual(new Float32Array())
  })
})

describe('a method', () => {
  const looker: Looker = {
    read: async (_, layers) => layers.map(i => layer(i, 1)),
    generalAttention: async layers => layers.map(() => layer(2, 2)),
    pixelGradient: async () => [],
    generalPixelGradient: async () => [],
    levels: [],
    join: () => new Float32Array(),
  }

  it('makes its map of the layers asked for', async () => {
    expect([...(await mapMethods['rel-att'].map(looker, { layers: [4, 8], variant: 'paper' }))]).toEqual([
      3, 0.5,
    ])
  })

  it.each<Method>(['rel-att', 'grad-att', 'pure-grad', 'none'])('is known by its name: %s', name => {
    expect(methods).toContain(name)
    expect(parseMethod(name)).toBe(name)
  })

  it.each(['rel_att', '', 'toString', '__proto__'])('that there is not is refused: %j', name => {
    expect(() => parseMethod(name)).toThrow(
      `method "${name}" is not available; available: ${methods.join(', ')}`,
    )
  })
})
