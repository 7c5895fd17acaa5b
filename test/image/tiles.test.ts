import { expect, test } from 'vitest'
import { cropImage } from '../../src/image/image.ts'
import { joinImages, joinTiles, leftTop, tileBoxes } from '../../src/image/tiles.ts'

test('tiles lie side by side, row by row', () => {
  expect(tileBoxes({ rows: 2, columns: 2 }, 3)).toEqual([
    { x: 0, y: 0, width: 3, height: 3 },
    { x: 3, y: 0, width: 3, height: 3 },
    { x: 0, y: 3, width: 3, height: 3 },
    { x: 3, y: 3, width: 3, height: 3 },
  ])
})

test('a plane that was cut into tiles is joined from them', () => {
  const [rows, columns, side] = [2, 3, 4]
  const [width, height] = [columns * side, rows * side]
  const image = {
    width,
    height,
    data: Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 7) % 251),
  }
  const planes = ({ data }: { data: Uint8Array }): number[] =>
    [0, 1, 2].flatMap(channel => [...data].filter((_, i) => i % 3 === channel))
  const tiles = tileBoxes({ rows, columns }, side).flatMap(box => planes(cropImage(image, box)))
  expect([...joinTiles(Float32Array.from(tiles), { rows, columns }, side)]).toEqual(planes(image))
})

test('a picture that was cut into tiles is joined from them', () => {
  const [rows, columns, side] = [3, 2, 2]
  const [width, height] = [columns * side, rows * side]
  const image = { width, height, data: Uint8Array.from({ length: width * height * 3 }, (_, i) => i) }
  const tiles = tileBoxes({ rows, columns }, side).map(box => cropImage(image, box))
  expect(joinImages(tiles, { rows, columns })).toEqual(image)
})

test('the left top part of planes is that of each', () => {
  const planes = Float32Array.from({ length: 18 }, (_, i) => i)
  expect([...leftTop(planes, 3, 2)]).toEqual([0, 1, 3, 4, 9, 10, 12, 13])
  expect(leftTop(planes, 3, 3)).toBe(planes)
})
