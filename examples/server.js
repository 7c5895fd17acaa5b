// `vicrop serve`, asked by the official client of the OpenAI API: it answers, and says where it looked.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import OpenAI from 'openai'

const args = ['dist/cli/main.js', 'serve', '--port', '0', '--log-level', 'warn']
const server = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
process.once('exit', () => server.kill())
const [line] = await once(createInterface(server.stdout), 'line')
const client = new OpenAI({ baseURL: line.split(' ').at(-1), apiKey: 'none' })

const picture = await readFile('demo/pictures/006.webp', 'base64')
const content = [
  { type: 'image_url', image_url: { url: `data:image/webp;base64,${picture}` } },
  { type: 'text', text: 'What number is on the cyan plate?' },
]
const { choices, vicrop } = await client.chat.completions.create({
  model: 'demo',
  messages: [{ role: 'user', content }],
  vicrop: { method: 'grad-att' },
})
console.log(`alone          ${vicrop.plainAnswer}`)
console.log(`crop           ${JSON.stringify(vicrop.crop ?? vicrop.cropReason)}`)
console.log(`with the crop  ${choices[0].message.content}`)
server.kill()
