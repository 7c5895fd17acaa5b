import type { Picture } from '../picture.ts'
import { askedHere } from './conversation.ts'
import { errorBody, toApiError } from './errors.ts'
import { type EventStream, eventStream } from './event-stream.ts'
import { withDefaults } from './look-defaults.ts'
import { describedAll } from './looked.ts'
import {
  answerRequest,
  chunk,
  completion,
  type Head,
  newHead,
  parse,
  refuseNotDone,
  usageChunk,
} from './openai.ts'
import type { Seen } from './pictures.ts'
import { note, readJson, requireModel, respondingTo, type Serving, type ServingContext } from './serving.ts'

/** `POST /v1/chat/completions`, answered by the model here. */
export function chat(c: ServingContext, serving: Serving): Promise<Response> {
  const { work, pictures, readImage, defaults, model } = serving
  return respondingTo(c, work, async ({ signal, compute }, respond) => {
    const body = await readJson(c, serving.maxBodyBytes, signal)
    const request = parse(answerRequest, body.value)
    requireModel(request.model, model)
    refuseNotDone(request)
    const { question, urls } = askedHere(request.messages)
    const files: Uint8Array[] = []
    for (const url of urls) files.push(await readImage(url, signal))
    const { map = false, plain = true, ...look } = withDefaults(request.vicrop ?? {}, defaults)
    const head = newHead(model)
    const pieces = request.stream ? streamedAnswer(head, respond) : null
    const wanted = request.max_completion_tokens ?? request.max_tokens ?? serving.maxNewTokens
    const options = {
      ...look,
      signal,
      // An answer that is the plain one in any case is not held back until it is complete.
      plain: plain && look.method !== 'none',
      maxNewTokens: Math.min(wanted, serving.maxNewTokens),
      onText: ({ of, text }: { of: string; text: string }) => of === 'answer' && pieces?.give(text),
    }
    try {
      const [answer, vicrop] = await compute(() =>
        pictures.useAll(files, { method: look.method, signal }, async seen => {
          const [picture, ...others] = seen.map(({ picture }) => picture) as [Picture, ...Picture[]]
          const answer = await picture.ask(question, { ...options, others })
          const looks = [answer, ...answer.others].map((look, i) => ({ look, ...(seen[i] as Seen) }))
          note(c, serving, ...looks)
          return [answer, await describedAll(looks, map)] as const
        }),
      )
      if (pieces === null) return respond(Response.json(completion(head, answer, vicrop)))
      if (!pieces.hasBegun()) pieces.give(answer.answer)
      const last = { ...chunk(head, {}, answer.finishReason), vicrop }
      pieces.finish(request.stream_options?.include_usage ? [last, usageChunk(head, answer)] : [last])
    } catch (error) {
      pieces?.fail(error)
      throw error
    }
  })
}

/** An answer that is sent as it comes. The response begins with its first piece: what fails before has its status. */
interface StreamedAnswer {
  hasBegun(): boolean
  give(text: string): void
  finish(last: readonly object[]): void
  /** Tells a client that has part of the answer that no more comes. */
  fail(error: unknown): void
}

function streamedAnswer(head: Head, respond: (response: Response) => void): StreamedAnswer {
  let stream: EventStream | null = null
  const begin = (): EventStream => {
    const begun = eventStream()
    respond(begun.response)
    begun.send(chunk(head, { role: 'assistant', content: '' }))
    return begun
  }
  return {
    hasBegun: () => stream !== null,
    give(text) {
      stream ??= begin()
      stream.send(chunk(head, { content: text }))
    },
    finish(last) {
      for (const data of last) stream?.send(data)
      stream?.done()
      stream?.end()
    },
    fail(error) {
      stream?.send(errorBody(toApiError(error)))
      stream?.end()
    },
  }
}
