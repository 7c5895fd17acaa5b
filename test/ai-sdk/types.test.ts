import * as six from 'ai'
import * as seven from 'ai-7'
import { expect, test } from 'vitest'
import { createVicrop } from '../../src/ai-sdk/index.ts'

// That this compiles is the test: both versions take the provider, its models and its middleware by their types.

test('the types of AI SDK 6 and 7 fit', async () => {
  await using vicrop = createVicrop()
  const models = [
    six.wrapLanguageModel({ model: vicrop('demo'), middleware: vicrop.middleware('demo') }),
    seven.wrapLanguageModel({ model: vicrop('demo'), middleware: vicrop.middleware('demo') }),
    six.createProviderRegistry({ vicrop }).languageModel('vicrop:demo'),
    seven.createProviderRegistry({ vicrop }).languageModel('vicrop:demo'),
  ]
  expect(models.map(({ provider, modelId }) => `${provider} ${modelId}`)).toEqual(
    models.map(() => 'vicrop demo'),
  )
  const calls = [
    () => six.generateText({ model: vicrop('demo'), prompt: '' }),
    () => seven.generateText({ model: vicrop('demo'), prompt: '' }),
    () => six.streamText({ model: vicrop('demo'), prompt: '' }),
    () => seven.streamText({ model: vicrop('demo'), prompt: '' }),
  ]
  expect(calls).toHaveLength(4)
})
