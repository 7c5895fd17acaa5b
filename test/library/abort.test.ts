import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Answer, AskOptions, Picture } from '../../src/index.ts'
import { ViCrop } from '../../src/index.ts'
import { modelPath, picturePath } from '../models/fixtures.ts'
import { temporaryFolder } from '../weights/temporary.ts'

const reason = new Error('changed my mind')
const question = 'What is the colour of the small sign?'

let vicrop: ViCrop
let picture: Picture
let expected: Answer
beforeAll(async () => {
  vicrop = await ViCrop.open(modelPath('base'))
  picture = await vicrop.see(picturePath('wide'))
  expected = await picture.ask(question)
})
afterAll(() => vicrop.release())

describe('a signal that has fired', () => {
  const signal = AbortSignal.abort(reason)

  it('opens nothing', async () => {
    await expect(ViCrop.open(modelPath('base'), { signal })).rejects.toBe(reason)
    const cacheFolder = temporaryFolder()
    await expect(ViCrop.open(modelPath('half'), { signal, cacheFolder })).rejects.toBe(reason)
    expect(readdirSync(cacheFolder)).toEqual([])
  })

  it('sees nothing and asks nothing', async () => {
    await expect(vicrop.see(picturePath('wide'), { signal })).rejects.toBe(reason)
    await expect(picture.ask(question, { signal })).rejects.toBe(reason)
    await expect(picture.look(question, { signal, method: 'none' })).rejects.toBe(reason)
  })
})

describe('a signal that fires', () => {
  it('while weights are converted ends that, and leaves nothing half written', async () => {
    const cacheFolder = temporaryFolder()
    const controller = new AbortController()
    const onProgress = (): void => controller.abort(reason)
    const opening = ViCrop.open(modelPath('half'), { cacheFolder, signal: controller.signal, onProgress })
    await expect(opening).rejects.toBe(reason)
    const folder = join(cacheFolder, 'float32')
    expect(existsSync(folder) ? readdirSync(folder) : []).toEqual([])
    await using opened = await ViCrop.open(modelPath('half'), { cacheFolder })
    expect(opened.converted).toMatchObject({ cached: false, from: ['F16'] })
  })

  it('while a picture is encoded ends that, and the next is seen', async () => {
    const controller = new AbortController()
    const seeing = vicrop.see(picturePath('tall'), { signal: controller.signal })
    controller.abort(reason)
    await expect(seeing).rejects.toBe(reason)
    using tall = await vicrop.see(picturePath('tall'))
    expect(tall.image).toMatchObject({ width: 66, height: 199 })
  })

  const moments: readonly [when: string, options: (abort: () => void) => AskOptions][] = [
    ['before the plain answer', abort => ({ onProgress: abort })],
    ['before the map', abort => ({ onProgress: stage => stage === 'map' && abort() })],
    [
      'before the answer from the crop',
      abort => ({ onProgress: stage => stage === 'crop answer' && abort() }),
    ],
    ['at the first piece of text', abort => ({ onText: abort })],
    [
      'at the first piece of the answer from the crop',
      abort => ({ onText: ({ of }) => of === 'answer' && abort() }),
    ],
  ]
  it.each(moments)(
    '%s ends the question with its reason, and the picture answers the next as ever',
    async (_, optionsFor) => {
      const controller = new AbortController()
      const options = optionsFor(() => controller.abort(reason))
      await expect(picture.ask(question, { ...options, signal: controller.signal })).rejects.toBe(reason)
      const { answer, plainAnswer, crop } = await picture.ask(question)
      expect({ answer, plainAnswer, crop }).toEqual({
        answer: expected.answer,
        plainAnswer: expected.plainAnswer,
        crop: expected.crop,
      })
    },
  )

  it('for one of several questions ends that one alone', async () => {
    const controller = new AbortController()
    const asked = [
      picture.ask('Is the door open?', { signal: controller.signal, onText: () => controller.abort(reason) }),
      picture.ask(question),
      picture.ask(question, { signal: controller.signal }),
    ]
    const [first, second, third] = await Promise.allSettled(asked)
    expect(first).toEqual({ status: 'rejected', reason })
    expect(second).toMatchObject({ status: 'fulfilled', value: { answer: expected.answer } })
    expect(third).toEqual({ status: 'rejected', reason })
  })
})

it('an error of the caller’s own ends the question with it', async () => {
  const onText = (): never => {
    throw reason
  }
  await expect(picture.ask(question, { onText })).rejects.toBe(reason)
  expect(await picture.ask(question)).toMatchObject({ answer: expected.answer })
})
