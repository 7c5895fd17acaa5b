import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ViCrop } from '../../src/index.ts'
import { altered } from '../models/altered.ts'
import { modelPath, picturePath } from '../models/fixtures.ts'

const question = 'What is the colour of the small sign?'
const refused = 'the model was released. Open it again to ask more.'

describe('a released model', () => {
  it('refuses to see and to be asked, in words', async () => {
    const vicrop = await ViCrop.open(modelPath('base'))
    const picture = await vicrop.see(picturePath('wide'))
    await picture.ask(question)
    await vicrop.release()
    await expect(picture.ask(question)).rejects.toThrow(refused)
    await expect(picture.look('Is the door open?')).rejects.toThrow(refused)
    await expect(vicrop.see(picturePath('wide'))).rejects.toThrow(refused)
  })

  it('was never used, or is released twice, and nothing happens', async () => {
    const vicrop = await ViCrop.open(modelPath('base'))
    await vicrop.release()
    await Promise.all([vicrop.release(), vicrop.release()])
  })

  it('ends what it is computing first, and a question being asked ends with the words', async () => {
    const vicrop = await ViCrop.open(modelPath('base'))
    const picture = await vicrop.see(picturePath('wide'))
    const texts: string[] = []
    const asked = picture.ask(question, {
      onText: ({ text }) => {
        texts.push(text)
        void vicrop.release()
      },
    })
    await expect(asked).rejects.toThrow(refused)
    expect(texts).toHaveLength(1)
    const another = await ViCrop.open(modelPath('base'))
    const seeing = another.see(picturePath('wide'))
    await another.release()
    await expect(seeing).rejects.toThrow(refused)
  })

  it('hides no error of what came before', async () => {
    const folder = altered(() => {})
    const use = async (): Promise<void> => {
      await using vicrop = await ViCrop.open(folder)
      rmSync(join(folder, 'model.safetensors'))
      await vicrop.see(picturePath('wide'))
    }
    const error = await use().catch((error: Error) => error)
    expect((error as Error).message).toMatch(/cannot be read from its file/)
    expect((error as Error).message).not.toContain('\n')
  })
})

describe('using', () => {
  it('releases the model when the block ends', async () => {
    let kept: ViCrop
    {
      await using vicrop = await ViCrop.open(modelPath('base'))
      kept = vicrop
      await vicrop.see(picturePath('wide'))
    }
    await expect(kept.see(picturePath('wide'))).rejects.toThrow(refused)
  })

  it('is also there by its symbols, for languages without it', async () => {
    const vicrop = await ViCrop.open(modelPath('base'))
    const picture = await vicrop.see(picturePath('wide'))
    picture[Symbol.dispose]()
    await vicrop[Symbol.asyncDispose]()
    await expect(picture.ask(question)).rejects.toThrow(refused)
  })
})

describe('a released picture', () => {
  it('can still be asked, and answers alike', async () => {
    await using vicrop = await ViCrop.open(modelPath('base'))
    const picture = await vicrop.see(picturePath('wide'))
    const { answer, crop } = await picture.ask(question)
    picture.release()
    expect(await picture.ask(question)).toMatchObject({ answer, crop })
  })

  it('answers first what it was asked before', async () => {
    await using vicrop = await ViCrop.open(modelPath('base'))
    const picture = await vicrop.see(picturePath('wide'))
    const { answer, crop } = await picture.ask(question)
    const asked = picture.ask(question, { onText: () => picture.release() })
    picture.release()
    expect(await asked).toMatchObject({ answer, crop })
  })
})
