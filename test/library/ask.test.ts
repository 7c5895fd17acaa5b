import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import { decodeImage } from '../../src/image/decode-node.ts'
import type { Answer, AskOptions, Method, Picture } from '../../src/index.ts'
import { InputError, ViCrop } from '../../src/index.ts'
import { modelPath, picturePath, readArrays, readExpected, relativeError } from '../models/fixtures.ts'

const questions = ['What is the colour of the small sign?', 'Is the door open?', 'How many birds are there?']

let vicrop: ViCrop
let picture: Picture
/** Each question's answer on a picture that was asked nothing else. */
const alone = new Map<string, Answer>()

beforeAll(async () => {
  vicrop = await ViCrop.open(modelPath('base'))
  picture = await vicrop.see(picturePath('wide'))
  for (const question of questions) {
    using fresh = await vicrop.see(picturePath('wide'))
    alone.set(question, await fresh.ask(question))
  }
})
afterAll(() => vicrop.release())

const withoutTimings = ({ timings: _, ...answer }: Answer): Omit<Answer, 'timings'> => answer
const expectAlone = (answer: Answer, question: string): void =>
  expect(withoutTimings(answer)).toEqual(withoutTimings(alone.get(question) as Answer))

describe('an answer', () => {
  it('says what was asked, how, where it looked and how long each stage took', async () => {
    const { answer, plainAnswer, crop, importance, timings, ...facts } = await picture.ask(
      questions[0] as string,
    )
    const { ids } = readExpected('base').prompts.questions[0]!.withCrop
    expect(facts).toEqual({
      model: modelPath('base'),
      question: questions[0],
      method: 'rel-att',
      layers: [1],
      connectorLayers: [],
      target: null,
      variant: null,
      blocks: null,
      image: { width: 163, height: 122 },
      cropReason: null,
      others: [],
      usage: { promptTokens: ids.length, answerTokens: expect.any(Number) },
      finishReason: 'stop',
    })
    expect(answer).toBe(answer.trim())
    expect(plainAnswer).not.toBe('')
    expect(crop).toEqual(readExpected('base').pictures.wide.questions[0]?.crops.layers[1]?.box)
    expect(importance).toMatchObject({
      rows: 8,
      columns: 8,
      geometry: { source: { width: 163, height: 122 } },
    })
    expect(importance?.values).toHaveLength(64)
    expect(Object.keys(timings)).toEqual([
      'encodeMs',
      'plainAnswerMs',
      'mapMs',
      'encodeCropMs',
      'answerMs',
      'totalMs',
    ])
    expect(Object.values(timings).every(ms => ms > 0)).toBe(true)
  })

  it('is the plain one with method none, which looks nowhere', async () => {
    const { answer, plainAnswer, crop, cropReason, importance } = await picture.ask(questions[0] as string, {
      method: 'none',
    })
    expect({ crop, cropReason, importance }).toEqual({
      crop: null,
      cropReason: 'method none',
      importance: null,
    })
    expect(answer).toBe(plainAnswer)
    expect(plainAnswer).toBe(alone.get(questions[0] as string)?.plainAnswer)
  })

  it('from a crop that is given is that from the same crop found', async () => {
    const found = alone.get(questions[0] as string) as Answer
    const given = await picture.ask(questions[0] as string, {
      crop: found.crop as NonNullable<Answer['crop']>,
    })
    expect(given.importance).toBeNull()
    expect(given.answer).toBe(found.answer)
    expect(
      await picture.ask(questions[0] as string, { crop: { x: 0, y: 0, width: 30, height: 30 } }),
    ).toMatchObject({
      crop: { x: 0, y: 0, width: 30, height: 30 },
      plainAnswer: found.plainAnswer,
    })
  })

  it('is as long as asked for', async () => {
    const [short, long] = [
      await picture.ask(questions[0] as string, { method: 'none', maxNewTokens: 2 }),
      await picture.ask(questions[0] as string, { method: 'none', maxNewTokens: 20 }),
    ]
    expect(short.answer.length).toBeLessThan(long.answer.length)
    expect(long.answer.startsWith(short.answer.replace(/\ufffd$/, ''))).toBe(true)
    expect([short.usage.answerTokens, long.usage.answerTokens]).toEqual([2, 20])
    expect([short.finishReason, long.finishReason]).toEqual(['length', 'length'])
  })

  it('is the same whether the picture is a path, a file’s bytes or pixels', async () => {
    const pixels = await decodeImage(picturePath('wide'))
    using other = await vicrop.see(pixels)
    expectAlone(await other.ask(questions[1] as string), questions[1] as string)
  })
})

describe('a picture seen for pure-grad', () => {
  it('has the answers and maps of any other', async () => {
    using seen = await vicrop.see(picturePath('wide'), { method: 'pure-grad' })
    for (const method of ['pure-grad', 'rel-att', 'pure-grad'] as const) {
      const expected = await picture.ask(questions[2] as string, { method })
      expect(withoutTimings(await seen.ask(questions[2] as string, { method }))).toEqual(
        withoutTimings(expected),
      )
    }
  })

  it('is not seen for a method that there is not', async () => {
    const seen = vicrop.see(picturePath('wide'), { method: 'best' as Method })
    await expect(seen).rejects.toThrow('method "best" is not available; available: rel-att,')
  })
})

it.each([
  ['attention', 'image_attention'],
  ['relativeAttention', 'relative_attention'],
  ['gradientAttention', 'gradient_attention'],
] as const)('what maps are made of can be read, layer by layer: %s', async (name, fixture) => {
  const reference = readArrays('base').get(`wide.questions.0.${fixture}`)
  const maps = await picture[name](questions[0] as string, { layers: [0, 2] })
  for (const [i, layer] of [0, 2].entries()) {
    const expected = reference.data.subarray(layer * 64, (layer + 1) * 64)
    expect(relativeError(maps[i]?.values as Float32Array, expected)).toBeLessThan(1e-4)
    expect(maps[i]).toMatchObject({ rows: 8, columns: 8, geometry: { source: { width: 163, height: 122 } } })
  }
  await expect(picture[name](questions[0] as string, { layers: [3] })).rejects.toThrow('layers 0 to 2')
})

describe('questions about one picture', () => {
  it('answer alike in any order', async () => {
    for (const question of [...questions, ...questions.toReversed()]) {
      expectAlone(await picture.ask(question), question)
    }
  })

  it('answer alike when asked at once', async () => {
    const answers = await Promise.all(questions.map(question => picture.ask(question)))
    for (const [i, answer] of answers.entries()) expectAlone(answer, questions[i] as string)
  })

  it('answer alike with other layers, methods and crops between them', async () => {
    await picture.look(questions[1] as string, { layers: [0, 2] })
    await picture.ask(questions[2] as string, { method: 'none', maxNewTokens: 1 })
    await picture.ask(questions[2] as string, {
      crop: { x: 1, y: 2, width: 20, height: 30 },
      maxNewTokens: 3,
    })
    expectAlone(await picture.ask(questions[0] as string), questions[0] as string)
  })

  it('look where ask looks', async () => {
    const { crop, importance, cropReason } = await picture.look(questions[2] as string)
    expect({ crop, importance, cropReason }).toEqual({
      crop: alone.get(questions[2] as string)?.crop,
      importance: alone.get(questions[2] as string)?.importance,
      cropReason: null,
    })
  })
})

it('two pictures asked at once do not disturb each other', async () => {
  using tall = await vicrop.see(picturePath('tall'))
  const single = await tall.ask(questions[0] as string)
  const [first, second, third] = await Promise.all([
    picture.ask(questions[0] as string),
    tall.ask(questions[0] as string),
    picture.ask(questions[1] as string),
  ])
  expectAlone(first, questions[0] as string)
  expectAlone(third, questions[1] as string)
  expect(withoutTimings(second)).toEqual(withoutTimings(single))
})

describe('what is reported meanwhile', () => {
  it('are the stages, in order', async () => {
    const stages: string[] = []
    const onProgress = (stage: string): void => void stages.push(stage)
    await picture.ask(questions[0] as string, { onProgress })
    expect(stages.splice(0)).toEqual(['plain answer', 'map', 'crop answer'])
    await picture.look(questions[0] as string, { onProgress })
    expect(stages.splice(0)).toEqual(['map'])
    await picture.ask(questions[0] as string, { onProgress, method: 'none' })
    expect(stages).toEqual(['plain answer'])
  })

  test.each(questions)('are pieces of text that make up the answers: %s', async question => {
    for (const key of ['wide', 'tall']) {
      using asked = await vicrop.see(picturePath(key))
      const pieces: { of: 'plainAnswer' | 'answer'; text: string }[] = []
      const { answer, plainAnswer } = await asked.ask(question, { onText: piece => pieces.push(piece) })
      const joined = (of: string): string =>
        pieces
          .filter(piece => piece.of === of)
          .map(piece => piece.text)
          .join('')
      expect([joined('plainAnswer'), joined('answer')]).toEqual([plainAnswer, answer])
      expect(pieces.length).toBeGreaterThan(4)
      expect(pieces.every(piece => piece.text !== '')).toBe(true)
    }
  })

  it('are no pieces of an answer that is the plain one', async () => {
    const of = new Set<string>()
    await picture.ask(questions[0] as string, { method: 'none', onText: piece => of.add(piece.of) })
    expect([...of]).toEqual(['plainAnswer'])
  })
})

describe('an answer without the plain one', () => {
  const pieces: { of: string; text: string }[] = []
  const ask = (options: AskOptions) =>
    picture.ask(questions[0] as string, {
      ...options,
      plain: false,
      onText: piece => pieces.push(piece),
      onProgress: stage => pieces.push({ of: 'stage', text: stage }),
    })
  const joined = (of: string): string[] => pieces.filter(piece => piece.of === of).map(({ text }) => text)

  it('is the same with a crop, and saves a stage', async () => {
    const { plainAnswer, timings, ...facts } = await ask({})
    const { plainAnswer: _, timings: __, ...expected } = alone.get(questions[0] as string) as Answer
    expect(facts).toEqual(expected)
    expect(plainAnswer).toBe(null)
    expect(Object.keys(timings)).not.toContain('plainAnswerMs')
    expect(joined('stage')).toEqual(['map', 'crop answer'])
    expect([joined('plainAnswer'), joined('answer').join('')]).toEqual([[], facts.answer])
  })

  it('is the plain one where there is no crop, in pieces', async () => {
    pieces.length = 0
    const { answer, plainAnswer } = await ask({ method: 'none' })
    expect(answer).toBe(alone.get(questions[0] as string)?.plainAnswer)
    expect(plainAnswer).toBe(answer)
    expect(joined('stage')).toEqual(['plain answer'])
    expect([joined('plainAnswer'), joined('answer').join('')]).toEqual([[], answer])
  })
})

test('a picture says how many bytes it holds, more once it was asked, and fewer once it was released', async () => {
  using seen = await vicrop.see(picturePath('wide'))
  const { bytes } = seen
  expect(bytes).toBeGreaterThan(163 * 122 * 3)
  await seen.ask(questions[0] as string)
  const asked = seen.bytes
  expect(asked).toBeGreaterThan(bytes)
  seen.release()
  await seen.ask(questions[0] as string, { method: 'none' })
  expect(seen.bytes).toBeLessThan(asked)
})

describe('what cannot be asked', () => {
  test.each([
    ['nothing', '', 'the question is empty. Ask something about the picture.'],
    ['spaces', ' \n\t', 'the question is empty. Ask something about the picture.'],
    [
      'a million characters',
      'x'.repeat(1_000_000),
      'the question has 1000000 characters, at most 131072 are taken. Ask a shorter one.',
    ],
    [
      'more than the context holds',
      'what is the '.repeat(1000),
      /^prompt: \d{4} positions, the model has room for 512\. Ask a shorter question\.$/,
    ],
    [
      'the image token',
      'What is <image>?',
      'prompt: 2 places for 1 pictures. Leave the image token out of the question, and check the chat template.',
    ],
  ])('is refused: %s', async (_, question, message) => {
    await expect(picture.ask(question)).rejects.toThrow(message)
    await expect(picture.look(question)).rejects.toThrow(InputError)
  })

  test.each([
    [
      { method: 'grad_att' },
      'method "grad_att" is not available; available: rel-att, grad-att, pure-grad, none',
    ],
    [
      { method: 'constructor' },
      'method "constructor" is not available; available: rel-att, grad-att, pure-grad, none',
    ],
    [{ layers: [3] }, 'layer 3: the model has layers 0 to 2. Name some of these.'],
    [{ layers: [-1] }, 'layer -1: the model has layers 0 to 2. Name some of these.'],
    [{ layers: [0.5] }, 'layer 0.5: the model has layers 0 to 2. Name some of these.'],
    [{ layers: [] }, 'no layers given: name at least one of 0 to 2'],
    [
      { crop: { x: 0, y: 0, width: 164, height: 10 } },
      'crop 0,0,164,10 is not a box of whole pixels inside the 163x122 picture. Give x,y,width,height.',
    ],
    [
      { crop: { x: 0.5, y: 0, width: 10, height: 10 } },
      'crop 0.5,0,10,10 is not a box of whole pixels inside the 163x122 picture. Give x,y,width,height.',
    ],
    [
      { crop: { x: 0, y: 0, width: 0, height: 10 } },
      'crop 0,0,0,10 is not a box of whole pixels inside the 163x122 picture. Give x,y,width,height.',
    ],
    [{ target: 'red' }, 'method rel-att has no target; with: grad-att, pure-grad. Leave the target out.'],
    [{ method: 'none', target: 'red' }, 'method none has no target; with: grad-att, pure-grad.'],
    [
      { method: 'pure-grad', layers: [1] },
      'method pure-grad reads no layers; with: rel-att, grad-att. Leave the layers out.',
    ],
    [
      { method: 'grad-att', variant: 'code' },
      'method grad-att has no variants; with: pure-grad. Leave the variant out.',
    ],
    [{ method: 'pure-grad', variant: 'best' }, 'variant: "best" is not available; available: paper, code'],
    [{ highRes: true }, 'highRes: "true" is not available; available: auto, on, off'],
    [
      { method: 'grad-att', target: '' },
      'target "" is no token of the model. Give a word, or an id from 0 to',
    ],
    [{ method: 'grad-att', target: -1 }, 'target -1 is no token of the model.'],
    [{ method: 'grad-att', target: 1e6 }, 'target 1000000 is no token of the model.'],
    [{ maxNewTokens: 0 }, 'maxNewTokens: expected a whole number from 1 on, found 0.'],
    [{ maxNewTokens: Number.NaN }, 'maxNewTokens: expected a whole number from 1 on, found NaN.'],
  ])('is refused: %j', async (options, message) => {
    const stages: string[] = []
    const onProgress = (stage: string): void => void stages.push(stage)
    const asked = picture.ask(questions[0] as string, { ...(options as object), onProgress })
    await expect(asked).rejects.toThrow(message)
    await expect(asked).rejects.toThrow(InputError)
    expect(stages, 'before anything is computed').toEqual([])
  })

  it('leaves the picture as it was', async () => {
    expectAlone(await picture.ask(questions[0] as string), questions[0] as string)
  })

  it('is not asked of half a thread either', async () => {
    await expect(ViCrop.open(modelPath('base'), { threads: 0.5 })).rejects.toThrow(
      'threads: expected a whole number from 1 on, found 0.5.',
    )
  })
})

describe('a picture of one pixel', () => {
  it('has nothing to crop, and is answered', async () => {
    using pixel = await vicrop.see({ width: 1, height: 1, data: Uint8Array.of(200, 30, 30) })
    const { crop, cropReason, answer, plainAnswer } = await pixel.ask(questions[0] as string)
    expect({ crop, cropReason }).toEqual({ crop: null, cropReason: 'nothing to crop' })
    expect(answer).toBe(plainAnswer)
  })
})
