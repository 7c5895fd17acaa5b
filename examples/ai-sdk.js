// The AI SDK of Vercel asks a model that runs in this process: an answer, and one that is streamed.
import { readFile } from 'node:fs/promises'
import { generateText, streamText } from 'ai'
import { vicrop } from 'vicrop/ai-sdk'

const model = vicrop('demo') // or a folder, or 'llava-hf/llava-1.5-7b-hf'
const image = await readFile('demo/pictures/003.webp')
const ask = question => [
  {
    role: 'user',
    content: [
      { type: 'image', image },
      { type: 'text', text: question },
    ],
  },
]

const { text, providerMetadata, usage } = await generateText({
  model,
  messages: ask('What is the date on the form?'),
  providerOptions: { vicrop: { method: 'grad-att', plain: true } },
})
const { plainAnswer, crop } = providerMetadata.vicrop
console.log(`alone          ${plainAnswer}`)
console.log(`crop           ${JSON.stringify(crop)}`)
console.log(`with the crop  ${text} (${usage.inputTokens} tokens in, ${usage.outputTokens} out)`)

const stream = streamText({ model, messages: ask('What character do you see on the orange triangle?') })
for await (const piece of stream.textStream) process.stdout.write(piece)
process.stdout.write('\n')
await vicrop.release()
