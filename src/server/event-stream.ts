/** A response of server-sent events. What is sent to a client that reads slowly or has left waits for nobody. */
export interface EventStream {
  readonly response: Response
  send(data: object): void
  /** The event that ends a stream of the OpenAI API. */
  done(): void
  end(): void
}

export function eventStream(): EventStream {
  const encoder = new TextEncoder()
  let controller: ReadableStreamDefaultController<Uint8Array> | null = null
  const body = new ReadableStream<Uint8Array>({
    start: started => {
      controller = started
    },
    cancel: () => {
      controller = null
    },
  })
  const write = (data: string): void => controller?.enqueue(encoder.encode(`data: ${data}\n\n`))
  return {
    response: new Response(body, { headers: eventStreamHeaders }),
    send: data => write(JSON.stringify(data)),
    done: () => write('[DONE]'),
    end: () => {
      controller?.close()
      controller = null
    },
  }
}

/** The last is for nginx, which would hold events back. */
export const eventStreamHeaders = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache',
  'x-accel-buffering': 'no',
}
