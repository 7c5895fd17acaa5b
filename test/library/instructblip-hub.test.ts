import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checkModel } from '../../src/check-node.ts'
import { ViCrop } from '../../src/vicrop.ts'
import { commit, filesIn } from '../hub/server.ts'
import { useHub } from '../hub/use-hub.ts'
import { alteredFrom, remove } from '../models/altered.ts'
import { picturePath } from '../models/fixtures.ts'
import { modelPath, readExpected } from '../models/instructblip/fixtures.ts'

// A Q-Former's tokenizer lies in a folder of its own, in the repository as in the cache.

const tokenizer = 'qformer_tokenizer/tokenizer.json'
const served = useHub(() => filesIn(modelPath('sharded')))

const { question, plain } = readExpected('sharded').pictures.wide.questions[0]!

async function ask(): Promise<string> {
  await using vicrop = await ViCrop.open('org/name')
  using picture = await vicrop.see(picturePath('wide'))
  return (await picture.ask(question, { method: 'none' })).plainAnswer
}

test('InstructBLIP is fetched by its id, with both tokenizers, and what is lost of it is fetched again', async () => {
  expect(await checkModel('org/name')).toMatchObject({ source: 'hub', supported: true, missing: [] })
  expect(await ask()).toBe(plain.text.trim())
  rmSync(join(served().model, 'snapshots', commit, tokenizer))
  expect(await ask()).toBe(plain.text.trim())
})

test('its second tokenizer is named where it is missing', async () => {
  const lacking = alteredFrom(modelPath('placeholders'), remove(tokenizer))
  expect(await checkModel(lacking)).toMatchObject({ supported: true, missing: [tokenizer] })
})
