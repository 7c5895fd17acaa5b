import { describe, expect, it } from 'vitest'
import { commonPrefix, expandImages, imageRuns, placeImages, positionsOf } from '../../src/decode/prompt.ts'
import type { ImageRow } from '../../src/models/model.ts'

const grid = { rows: 1, columns: 1 }
const features = (rows: number) => ({ rows, width: 2, data: new Float32Array(rows * 2), grid })
const all = (rows: number) => Array.from({ length: rows }, (_, row) => row)
const imageRows = (rows: number) => imageRuns(features(rows), [all(rows)])[0]!

describe('pictures take the places of their tokens', () => {
  const [one, two] = [imageRows(3), imageRows(2)]

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
    expect(imageRows(0)).toEqual([])
  })

  it('of which one may stand in several places, as that which ends a line', () => {
    const image = features(3)
    const [first, second] = imageRuns(image, [
      [0, 2],
      [1, 2],
    ]) as [ImageRow[], ImageRow[]]
    const prompt = placeImages([99, 5, 99], 99, [first, second])
    expect(prompt.map(position => (typeof position === 'number' ? null : position.row))).toEqual([
      0,
      2,
      null,
      1,
      2,
    ])
    expect(positionsOf(prompt, image)).toEqual([0, 1, 3, 4])
    expect(positionsOf(prompt, features(3))).toEqual([])
  })
})

describe('the token of a picture in a text', () => {
  it('is replaced by its texts, with a token between each two', () => {
    expect(
      expandImages('a <i><i> b', '<i>', [
        ['', ''],
        ['(', '|', ')'],
      ]),
    ).toBe('a <i>(<i>|<i>) b')
    expect(expandImages('a', '<i>', [])).toBe('a')
  })

  it('is there as often as pictures are', () => {
    const remedy = 'Leave the image token out of the question, and check the chat template.'
    expect(() => expandImages('<i> <i>', '<i>', [['', '']])).toThrow(
      `prompt: 2 places for 1 pictures. ${remedy}`,
    )
    expect(() => expandImages('', '<i>', [['', '']])).toThrow(`prompt: 0 places for 1 pictures. ${remedy}`)
  })
})

describe('two prompts share a beginning', () => {
  const [rows, same] = [imageRows(3), imageRows(3)]
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
