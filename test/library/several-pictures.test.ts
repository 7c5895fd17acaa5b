import { describe, expect, it, onTestFinished } from 'vitest'
import { decodeImage } from '../../src/image/decode-node.ts'
import { cropImage } from '../../src/image/image.ts'
import { type Answer, InputError, type Picture, ViCrop } from '../../src/index.ts'
import { modelPath, picturePath, relativeError } from '../models/fixtures.ts'
import { modelPath as instructBlipPath } from '../models/instructblip/fixtures.ts'

const question = 'What is the colour of the small sign?'
const box = { x: 20, y: 30, width: 60, height: 60 }

async function open(model: string): Promise<ViCrop> {
  const vicrop = await ViCrop.open(model)
  onTestFinished(() => vicrop.release())
  return vicrop
}

interface Seen {
  readonly wide: Picture
  readonly tall: Picture
  readonly crop: Picture
}

/** Two pictures, and what lies in the box of the first. */
async function seen(vicrop: ViCrop): Promise<Seen> {
  const crop = cropImage(await decodeImage(picturePath('wide')), box)
  const [wide, tall] = [await vicrop.see(picturePath('wide')), await vicrop.see(picturePath('tall'))]
  return { wide, tall, crop: await vicrop.see(crop) }
}

const said = ({ answer, plainAnswer, crop, importance, others, usage }: Answer) => ({
  ...{ answer, plainAnswer, crop, usage },
  values: [importance, ...others.map(other => other.importance)].map(map => map?.values),
  crops: others.map(other => other.crop),
})

describe('a question about several pictures', () => {
  it.each([modelPath('base'), instructBlipPath('published'), instructBlipPath('placeholders')])(
    'shows them one behind the other, as a picture and its crop: %s',
    async model => {
      const { wide, crop } = await seen(await open(model))
      const together = await wide.ask(question, { others: [crop], method: 'none' })
      const { answer, usage } = await wide.ask(question, { crop: box })
      expect(together).toMatchObject({ answer, plainAnswer: answer, usage, cropReason: 'method none' })
      expect(together.others).toMatchObject([{ crop: null, image: { width: 60, height: 60 } }])
    },
  )

  it('shows a crop right behind its picture', async () => {
    const { wide, tall, crop } = await seen(await open(modelPath('base')))
    const { answer, usage } = await wide.ask(question, { others: [tall], method: 'none', crop: box })
    const placed = await wide.ask(question, { others: [crop, tall], method: 'none' })
    expect(placed).toMatchObject({ answer, usage })
  })

  it.each(['rel-att', 'grad-att', 'pure-grad'] as const)('looks at each by itself with %s', async method => {
    const { wide, tall } = await seen(await open(modelPath('base')))
    const alone = [await wide.ask(question, { method }), await tall.look(question, { method })] as const
    const together = await wide.ask(question, { method, others: [tall] })
    for (const [i, values] of said(together).values.entries())
      expect(
        relativeError(values as Float32Array, alone[i]?.importance?.values as Float32Array),
      ).toBeLessThan(1e-5)
    expect([together.crop, together.others[0]?.crop]).toEqual(alone.map(({ crop }) => crop))
    expect(alone.every(({ crop }) => crop !== null)).toBe(true)
    // Three pictures more than the one that the plain answer has.
    const { usage } = await wide.ask(question, { method: 'none' })
    expect(together.usage.promptTokens - alone[0].usage.promptTokens).toBe(
      2 * (alone[0].usage.promptTokens - usage.promptTokens),
    )
  })

  it('can be asked of each with the other at the same time', async () => {
    const { wide, tall } = await seen(await open(modelPath('base')))
    const ask = [
      () => wide.ask(question, { others: [tall] }),
      () => tall.ask(question, { others: [wide] }),
      () => wide.ask(question, { others: [wide, wide] }),
    ]
    const atOnce = await Promise.all(ask.map(one => one()))
    const inTurn = []
    for (const one of ask) inTurn.push(await one())
    expect(atOnce.map(said)).toEqual(inTurn.map(said))
  })

  it('is refused where another model saw one of them, or where they have no room', async () => {
    const vicrop = await open(modelPath('base'))
    const { wide, tall } = await seen(vicrop)
    const others = [(await seen(await open(modelPath('base')))).tall]
    await expect(wide.ask(question, { others })).rejects.toThrow(
      new InputError('others: a picture was seen by another model. See all with one.'),
    )
    const many = Array.from({ length: 100 }, () => tall)
    await expect(wide.ask(question, { others: many, method: 'none' })).rejects.toThrow(
      /^prompt: \d+ positions, the model has room for \d+/,
    )
  })
})
