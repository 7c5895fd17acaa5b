import { describe, expect, it } from 'vitest'
import { commonPrefix, imageRows, placeImages } from '../../src/decode/prompt.ts'

const features = (rows: number) => ({ rows, width: 2, data: new Float32Array(rows * 2) })

describe('pictures take the places of their tokens', () => {
  const [one, two] = [imageRows(features(3)), imageRows(features(2))]

  it('in order, each with all its rows', () => {
    expect(placeImages([1, 99, 5, 99, 6], 99, [one, two])).toEqual([1, ...one, 5, ...two, 6])
    expect(placeImages([1, 5], 99, [])).toEqual([1, 5])
  })

  it('of which there are as many as pictures', () => {
    const remedy = 'Leave the image token out of the question, and check the chat template.'
    expect(() => placeImages([1, 99, 99], 99, [one])).toThrow(`prompt: 2 places for 1 pictures. ${remedy}`)
    expect(() => placeImages([1, 2], 99, [one])).toThrow(`prompt: 0 places for 1 pictures. ${remedy}`)
    expect(() => placeImages([99], 99, [])).toThrow(`prompt: 1 places for 0 pictures. ${remedy}`)
  })

  it('and know their row', () => {
    expect(one.map(({ row }) => row)).toEqual([0, 1, 2])
    expect(imageRows(features(0))).toEqual([])
  })
})

describe('two prompts share a beginning', () => {
  const [rows, same] = [imageRows(features(3)), imageRows(features(3))]
  it.each([
    [[1, 2, 3], [1, 2, 4], 2],
    [[1, 2], [1, 2, 3], 2],
    [[], [1], 0],
    [[2, 1], [1, 2], 0],
    [[1, ...rows, 7], [1, ...rows, 8], 4],
    [[1, ...rows], [1, ...same], 1],
    [[1, ...rows], [1, rows[0]!, rows[2]!], 2],
  ])('%#: of as many positions as are the same', (a, b, length) => {
    expect(commonPrefix(a, b)).toBe(length)
    expect(commonPrefix(b, a)).toBe(length)
  })
})
