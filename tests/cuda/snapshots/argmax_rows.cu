typedef signed char i8;
typedef unsigned char u8;
typedef short i16;
typedef unsigned short u16;
typedef int i32;
typedef unsigned u32;
typedef long long i64;
typedef unsigned long long u64;
typedef u16 f16;
typedef u16 bf16;
typedef float f32;
typedef double f64;
__device__ __forceinline__ i64 smaller(i64 a, i64 b) { return a < b ? a : b; }
template <class T> __device__ __forceinline__ bool beats_max(T y, T x) { return x == x && (y != y || x < y); }
template <class T> __device__ __forceinline__ T from_lane(T x, int lane, int width) {
  return (T)__shfl_sync(~0u, (i32)x, lane, width);
}
#define FROM_LANE(T) \
  __device__ __forceinline__ T from_lane(T x, int lane, int width) { return __shfl_sync(~0u, x, lane, width); }
FROM_LANE(u32) FROM_LANE(i64) FROM_LANE(u64) FROM_LANE(f32) FROM_LANE(f64)
#undef FROM_LANE
__device__ __forceinline__ void sync_team(int threads) {
  if (threads <= 32) __syncwarp(); else __syncthreads();
}
struct Args { void* ptrs[2]; i64 vals[4]; void* scratch; i64* status; };
extern "C" __global__ void __launch_bounds__(512, 2) tandem_kernel(const Args args) {
  const i64 s0 = args.vals[0];
  const i64 s1 = args.vals[1];
  const i64 s2 = args.vals[2];
  const i64 s3 = args.vals[3];
  f32* const b0 = (f32*)args.ptrs[0];
  i64* const b1 = (i64*)args.ptrs[1];
  const int team = blockDim.x, tid = threadIdx.x, lane = tid & 31, warp = tid >> 5, warps = team >> 5;
  const int width = team < 32 ? team : 32;
  const i64 rows = (i64)1 * s0;
  const i64 whole = (i64)1 * s1;
  __shared__ f32 shared0[64];
  __shared__ i64 shared0i[64];
  __shared__ f32 kept0[48];
  __shared__ i64 kept0i[48];
  for (i64 first = (i64)blockIdx.x * blockDim.y; first < rows; first += (i64)gridDim.x * blockDim.y) {
    const bool active = first + threadIdx.y < rows;
    const i64 row = active ? first + threadIdx.y : first;
    i64* const status = active ? args.status : nullptr;
    const i64 i0 = row;
    const i64 total = whole;
    const i64 own = active ? total : 0;
    i64 r0 = 0;
    {
      if (total > 0) {
        f32* const p0 = b0 + (s2 + s3 * i0);
        f32 a0;
        i64 a0i;
        const int left = 2 * lane, right = left + 1;
        const i64 blocks = (total + 4095) / 4096;
        int top = 0;
        for (i64 first = 0; first < blocks; first += 64) {
          const int count = (int)smaller(64, blocks - first);
          for (int b = warp; b < count; b += (team + 31) >> 5) {
            const i64 begin = (first + b) * 4096, end = smaller(own, begin + 4096);
            a0 = __int_as_float(0xff800000);
            a0i = 0x7fffffffffffffffll;
            i64 from = begin + lane;
            for (; from + 15 * 32 < end; from += 16 * 32) {
              f32 l0[16];
              #pragma unroll
              for (int u = 0; u < 16; ++u) {
                const i64 r = from + u * 32;
                const i64 i1 = r;
                l0[u] = p0[i1];
              }
              #pragma unroll
              for (int u = 0; u < 16; ++u) {
                const i64 r = from + u * 32;
                const i64 i1 = r;
                const f32 v0 = l0[u];
                if (beats_max(v0, a0) || (!beats_max(a0, v0) && r < a0i)) {
                  a0 = v0;
                  a0i = r;
                }
              }
            }
            for (; from + 3 * 32 < end; from += 4 * 32) {
              f32 l0[4];
              #pragma unroll
              for (int u = 0; u < 4; ++u) {
                const i64 r = from + u * 32;
                const i64 i1 = r;
                l0[u] = p0[i1];
              }
              #pragma unroll
              for (int u = 0; u < 4; ++u) {
                const i64 r = from + u * 32;
                const i64 i1 = r;
                const f32 v0 = l0[u];
                if (beats_max(v0, a0) || (!beats_max(a0, v0) && r < a0i)) {
                  a0 = v0;
                  a0i = r;
                }
              }
            }
            for (; from + 0 * 32 < end; from += 1 * 32) {
              f32 l0[1];
              #pragma unroll
              for (int u = 0; u < 1; ++u) {
                const i64 r = from + u * 32;
                const i64 i1 = r;
                l0[u] = p0[i1];
              }
              #pragma unroll
              for (int u = 0; u < 1; ++u) {
                const i64 r = from + u * 32;
                const i64 i1 = r;
                const f32 v0 = l0[u];
                if (beats_max(v0, a0) || (!beats_max(a0, v0) && r < a0i)) {
                  a0 = v0;
                  a0i = r;
                }
              }
            }
            #pragma unroll
            for (int half = 16; half > 0; half >>= 1) {
              if (half >= width) continue;
              const f32 w0 = from_lane(a0, lane + half, width);
              const i64 w0i = from_lane(a0i, lane + half, width);
              if (beats_max(w0, a0) || (!beats_max(a0, w0) && w0i < a0i)) {
                a0 = w0;
                a0i = w0i;
              }
            }
            if (team > 32) {
              if (lane == 0) {
                shared0[b] = a0;
                shared0i[b] = a0i;
              }
            }
          }
          if (team > 32) {
            __syncthreads();
            if (warp == 0) {
              if (left < count) {
                a0 = shared0[left];
                a0i = shared0i[left];
              }
              if (right < count) {
                f32 w0;
                i64 w0i;
                w0 = shared0[right];
                w0i = shared0i[right];
                if (beats_max(w0, a0) || (!beats_max(a0, w0) && w0i < a0i)) {
                  a0 = w0;
                  a0i = w0i;
                }
              }
              for (int rest = (count + 1) / 2; rest > 1; rest = (rest + 1) / 2) {
                const f32 w0 = from_lane(a0, left & 31, width);
                const i64 w0i = from_lane(a0i, left & 31, width);
                const f32 x0 = from_lane(a0, right & 31, width);
                const i64 x0i = from_lane(a0i, right & 31, width);
                a0 = w0;
                a0i = w0i;
                if (right < rest) {
                  if (beats_max(x0, a0) || (!beats_max(a0, x0) && x0i < a0i)) {
                    a0 = x0;
                    a0i = x0i;
                  }
                }
              }
              if (lane == 0) {
                for (i64 count = first / 64; (count & 1) != 0; count >>= 1) {
                  --top;
                  if (beats_max(a0, kept0[top]) || (!beats_max(kept0[top], a0) && a0i < kept0i[top])) {
                    kept0[top] = a0;
                    kept0i[top] = a0i;
                  }
                  a0 = kept0[top];
                  a0i = kept0i[top];
                }
                kept0[top] = a0;
                kept0i[top] = a0i;
                ++top;
                if (first + count == blocks) {
                  for (; top > 1; --top) {
                    if (beats_max(kept0[top - 1], kept0[top - 2]) || (!beats_max(kept0[top - 2], kept0[top - 1]) && kept0i[top - 1] < kept0i[top - 2])) {
                      kept0[top - 2] = kept0[top - 1];
                      kept0i[top - 2] = kept0i[top - 1];
                    }
                  }
                  shared0[0] = kept0[0];
                  shared0i[0] = kept0i[0];
                }
              }
            }
            __syncthreads();
          }
        }
        if (team > 32) {
          r0 = shared0i[0] == 0x7fffffffffffffffll ? 0 : shared0i[0];
        } else {
          const f32 w0 = from_lane(a0, 0, width);
          const i64 w0i = from_lane(a0i, 0, width);
          r0 = w0i == 0x7fffffffffffffffll ? 0 : w0i;
        }
      }
      sync_team(team);
    }
    {
      if (tid == 0 && active) {
        const i64 v0 = r0;
        i64* const p1 = b1 + (i0);
        p1[0] = v0;
      }
      sync_team(team);
    }
  }
}
