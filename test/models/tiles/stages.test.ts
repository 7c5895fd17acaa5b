import { describe, expect, it } from 'vitest'
import { enlargedCrop } from '../../../src/encode.ts'
import { cropImage } from '../../../src/image/image.ts'
import { promptFor } from '../../../src/mllm.ts'
import { useModelAt, usePicture } from '../open.ts'
import { expectClose, generalQuestion, idsOf, numbered, testAnswers, testAttention } from '../stages.ts'
import { cases, modelPath, picturePath, readArrays, readExpected } from './fixtures.ts'

describe.each(cases)('checkpoint %s equals the reference', name => {
  const expected = readExpected(name)
  const model = useModelAt(modelPath(name))

  it('in the base window of the crop', () => {
    expect(model().model.inputSize).toBe(expected.base)
  })

  describe.each(Object.entries(expected.pictures))('on the %s picture', (key, reference) => {
    const seen = usePicture(model, picturePath(key))
    const arrays = readArrays(name).within(key)
    const { questions } = reference

    it('in the pixel values of all views', () => {
      const { pixelValues, shape } = seen.mllm.model.vision.preprocess(seen.image)
      const found = arrays.get('pixel_values')
      expect(shape).toEqual(found.shape)
      expectClose(pixelValues, found.data)
    })

    it('in where the cells of the map lie', () => {
      const { levels, geometry } = seen.mllm.model.vision.preprocess(seen.image)
      const { x, y } = reference.geometry
      const { view, grid, source } = geometry
      expect(source).toEqual({ width: x.length, height: y.length })
      expect(grid).toEqual({ rows: y.cells, columns: x.cells })
      expect(view.x).toBeCloseTo(x.start, 6)
      expect(view.y).toBeCloseTo(y.start, 6)
      expect(view.width / grid.columns).toBeCloseTo(x.cell, 6)
      expect(view.height / grid.rows).toBeCloseTo(y.cell, 6)
      expect(levels).toHaveLength(reference.levels)
    })

    it('in the features at the image tokens', async () => {
      const { shape, data } = arrays.get('image_features')
      const width = shape[1] as number
      const rows = (await seen.encoded('')).runs.flat()
      const found = rows.flatMap(({ features, row }) => [
        ...features.data.subarray(row * width, (row + 1) * width),
      ])
      expectClose(Float32Array.from(found), data)
    })

    it('in the token ids of every prompt', async () => {
      const { mllm } = seen
      const chatting = { ...mllm, promptStyle: 'chat' } as const
      const encoded = await seen.encoded('')
      expect(idsOf(promptFor(mllm, generalQuestion, [encoded]), mllm)).toEqual(reference.generalIds)
      for (const { question, ids, chatIds } of questions) {
        expect(idsOf(promptFor(mllm, question, [encoded]), mllm)).toEqual(ids)
        expect(idsOf(promptFor(chatting, question, [encoded]), mllm)).toEqual(chatIds)
      }
    })

    testAttention(seen, { arrays, questions })
    testAnswers(seen, { arrays, questions }, ({ i, prompt }) =>
      expect(idsOf(prompt, seen.mllm)).toEqual(questions[i]!.withCropIds),
    )

    it.each(numbered(questions))(
      'in the size and the pixel values of the crop of question %i',
      (i, asked) => {
        const { box } = asked.crops.mean
        if (box === null) return
        const crop = enlargedCrop(seen.mllm, cropImage(seen.image, box), seen.image, 1000)
        expect(crop).toMatchObject(questions[i]!.cropSize as object)
        const pixels = `questions.${i}.crop_pixel_values`
        const { pixelValues } = seen.mllm.model.vision.preprocess(crop)
        if (arrays.has(pixels)) expectClose(pixelValues, arrays.get(pixels).data)
      },
    )
  })
})
