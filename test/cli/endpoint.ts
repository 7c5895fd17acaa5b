import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach } from 'vitest'

// What answers as servers of the OpenAI API do, and says what it was asked.

export interface Asked {
  readonly path: string | undefined
  readonly key: string | undefined
  readonly model: string
  readonly text: string
  readonly pictures: readonly Buffer[]
}

interface Reply {
  readonly status: number
  readonly body: unknown
  readonly headers?: Readonly<Record<string, string>>
}

export const says = (content: string | null): Reply => ({
  status: 200,
  body: { choices: [{ message: { content } }] },
})

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

interface Endpoint {
  readonly url: string
  readonly asked: readonly Asked[]
  /** How many requests it had at once. */
  most(): number
}

/** An endpoint on loopback. */
export async function serve(reply: (asked: Asked, nth: number) => Reply | Promise<Reply>): Promise<Endpoint> {
  const asked: Asked[] = []
  let [now, most] = [0, 0]
  const server = createServer(async (request, response) => {
    most = Math.max(most, ++now)
    const one = await read(request)
    asked.push(one)
    const { status, body, headers = {} } = await reply(one, asked.length - 1)
    now--
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(typeof body === 'string' ? body : JSON.stringify(body))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`
  return { url, asked, most: () => most }
}

async function read(request: IncomingMessage): Promise<Asked> {
  let text = ''
  for await (const part of request) text += part
  const { model, messages } = JSON.parse(text)
  const [message] = messages
  const content: { type: string; text?: string; image_url?: { url: string } }[] = message.content
  return {
    path: request.url,
    key: request.headers.authorization,
    model,
    text: content.at(-1)?.text ?? '',
    pictures: content
      .filter(({ type }) => type === 'image_url')
      .map(({ image_url }) => Buffer.from(image_url?.url.split('base64,')[1] ?? '', 'base64')),
  }
}
