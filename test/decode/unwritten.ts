import type { Engine } from '../../src/onnx/session.ts'

/**
 * An engine before every run of which there is NaN wherever nothing was written yet: at the places of the cache that
 * hold no position, and in the memory for outputs.
 */
export const unwrittenIsNaN = (engine: Engine): Engine => ({
  ...engine,
  async open(graph, options) {
    const session = await engine.open(graph, options)
    return {
      ...session,
      run(feeds, into = {}, wanted) {
        const cache = Object.entries(feeds).filter(([name]) => /^(key|value)\./.test(name))
        const others = Object.entries(into).filter(([name]) => !/^(key|value)\./.test(name))
        for (const [, { data, shape }] of cache)
          fillPlaces(
            data as Float32Array,
            shape as [number, number, number, number],
            Number(feeds.length?.data[0]),
          )
        for (const [, { data }] of others) (data as Float32Array).fill(Number.NaN)
        return session.run(feeds, into, wanted)
      },
    }
  },
})

/** [1,K,P,D]: the places from `held` on, of every head. */
function fillPlaces(
  data: Float32Array,
  [, heads, places, size]: readonly [number, number, number, number],
  held: number,
): void {
  for (let head = 0; head < heads; head++)
    data.fill(Number.NaN, (head * places + held) * size, (head + 1) * places * size)
}
