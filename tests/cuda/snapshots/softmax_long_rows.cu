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
template <class T> __device__ __forceinline__ T from_lane(T x, int lane, int width) {
  return (T)__shfl_sync(~0u, (i32)x, lane, width);
}
#define FROM_LANE(T) \
  __device__ __forceinline__ T from_lane(T x, int lane, int width) { return __shfl_sync(~0u, x, lane, width); }
FROM_LANE(u32) FROM_LANE(i64) FROM_LANE(u64) FROM_LANE(f32) FROM_LANE(f64)
#undef FROM_LANE
__device__ __forceinline__ i64 dynamic_shared_bytes() {
#ifdef __CUDA_ARCH__
  u32 bytes;
  asm("mov.u32 %0, %%dynamic_smem_size;" : "=r"(bytes));
  return bytes;
#else
  return emulation::dynamic_bytes;
#endif
}
__device__ __forceinline__ void sync_team(int threads) {
  if (threads <= 32) __syncwarp(); else __syncthreads();
}
struct Args { void* ptrs[2]; i64 vals[6]; void* scratch; i64* status; };
extern "C" __global__ void __launch_bounds__(512, 2) tandem_kernel(const Args args) {
  const i64 s0 = args.vals[0];
  const i64 s1 = args.vals[1];
  const i64 s2 = args.vals[2];
  const i64 s3 = args.vals[3];
  const i64 s4 = args.vals[4];
  const i64 s5 = args.vals[5];
  f32* const b0 = (f32*)args.ptrs[0];
  f32* const b2 = (f32*)args.ptrs[1];
  const int team = blockDim.x, tid = threadIdx.x, lane = tid & 31, warp = tid >> 5, warps = team >> 5;
  const int width = team < 32 ? team : 32;
  const i64 rows = (i64)1 * s0;
  const i64 whole = (i64)1 * s1;
  extern __shared__ u64 dynamic_shared[];
  const i64 unit = (whole * 4 + 63) / 64 * 64;
  const i64 kept = unit + 0;
  const bool keeps = args.scratch == nullptr && kept * blockDim.y <= dynamic_shared_bytes();
  char* const scratch = args.scratch != nullptr
      ? (char*)args.scratch + ((i64)blockIdx.x * blockDim.y + threadIdx.y) * unit
      : (char*)dynamic_shared + threadIdx.y * unit;
  f32* const q1 = (f32*)(scratch + 0);
  f32* const k0 = (f32*)q1;
  __shared__ f32 shared0[64];
  __shared__ f32 kept0[48];
  __shared__ f32 shared1[64];
  __shared__ f32 kept1[48];
  for (i64 first = (i64)blockIdx.x * blockDim.y; first < rows; first += (i64)gridDim.x * blockDim.y) {
    const bool active = first + threadIdx.y < rows;
    const i64 row = active ? first + threadIdx.y : first;
    i64* const status = active ? args.status : nullptr;
    const i64 i0 = row;
    const i64 total = whole;
    const i64 own = active ? total : 0;
    f32 r0 = __int_as_float(0xff800000);
    f32 r1 = 0.0f;
    {
      if (total > 0) {
        f32* const p0 = b0 + (s2 + s3 * i0);
        f32 a0;
        const int left = 2 * lane, right = left + 1;
        const i64 blocks = (total + 4095) / 4096;
        int top = 0;
        for (i64 first = 0; first < blocks; first += 64) {
          const int count = (int)smaller(64, blocks - first);
          for (int b = warp; b < count; b += (team + 31) >> 5) {
            const i64 begin = (first + b) * 4096, end = smaller(own, begin + 4096);
            a0 = __int_as_float(0xff800000);
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
                if (keeps) k0[r] = l0[u];
                const f32 v0 = l0[u];
                a0 = v0 != v0 || v0 > a0 ? v0 : a0;
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
                if (keeps) k0[r] = l0[u];
                const f32 v0 = l0[u];
                a0 = v0 != v0 || v0 > a0 ? v0 : a0;
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
                if (keeps) k0[r] = l0[u];
                const f32 v0 = l0[u];
                a0 = v0 != v0 || v0 > a0 ? v0 : a0;
              }
            }
            #pragma unroll
            for (int half = 16; half > 0; half >>= 1) {
              if (half >= width) continue;
              const f32 w0 = from_lane(a0, lane + half, width);
              a0 = w0 != w0 || w0 > a0 ? w0 : a0;
            }
            if (team > 32) {
              if (lane == 0) {
                shared0[b] = a0;
              }
            }
          }
          if (team > 32) {
            __syncthreads();
            if (warp == 0) {
              if (left < count) {
                a0 = shared0[left];
              }
              if (right < count) {
                f32 w0;
                w0 = shared0[right];
                a0 = w0 != w0 || w0 > a0 ? w0 : a0;
              }
              for (int rest = (count + 1) / 2; rest > 1; rest = (rest + 1) / 2) {
                const f32 w0 = from_lane(a0, left & 31, width);
                const f32 x0 = from_lane(a0, right & 31, width);
                a0 = w0;
                if (right < rest) {
                  a0 = x0 != x0 || x0 > a0 ? x0 : a0;
                }
              }
              if (lane == 0) {
                for (i64 count = first / 64; (count & 1) != 0; count >>= 1) {
                  --top;
                  kept0[top] = a0 != a0 || a0 > kept0[top] ? a0 : kept0[top];
                  a0 = kept0[top];
                }
                kept0[top] = a0;
                ++top;
                if (first + count == blocks) {
                  for (; top > 1; --top) {
                    kept0[top - 2] = kept0[top - 1] != kept0[top - 1] || kept0[top - 1] > kept0[top - 2] ? kept0[top - 1] : kept0[top - 2];
                  }
                  shared0[0] = kept0[0];
                }
              }
            }
            __syncthreads();
          }
        }
        if (team > 32) {
          r0 = shared0[0];
        } else {
          const f32 w0 = from_lane(a0, 0, width);
          r0 = w0;
        }
      }
      sync_team(team);
    }
    {
      if (total > 0) {
        const f32 v0 = r0;
        const f32 v3 = 1.0f;
        const f32 v4 = 0.5f;
        f32* const p0 = b0 + (s2 + s3 * i0);
        f32 a1;
        const int left = 2 * lane, right = left + 1;
        const i64 blocks = (total + 4095) / 4096;
        int top = 0;
        for (i64 first = 0; first < blocks; first += 64) {
          const int count = (int)smaller(64, blocks - first);
          for (int b = warp; b < count; b += (team + 31) >> 5) {
            const i64 begin = (first + b) * 4096, end = smaller(own, begin + 4096);
            a1 = 0.0f;
            const f32* const n0 = keeps ? k0 : p0;
            i64 from = begin + lane;
            for (; from + 15 * 32 < end; from += 16 * 32) {
              f32 l0[16];
              #pragma unroll
              for (int u = 0; u < 16; ++u) {
                const i64 r = from + u * 32;
                const i64 i1 = r;
                l0[u] = n0[r];
              }
              #pragma unroll
              for (int u = 0; u < 16; ++u) {
                const i64 r = from + u * 32;
                const i64 i1 = r;
                const f32 v1 = l0[u];
                const f32 v2 = v1 - v0;
                const f32 v5 = v2 * v4;
                const f32 v6 = v5 + v3;
                const f32 v7 = __fmaf_rn(v2, v6, v3);
                q1[r] = v7;
                a1 = a1 + v7;
              }
            }
            for (; from + 3 * 32 < end; from += 4 * 32) {
              f32 l0[4];
              #pragma unroll
              for (int u = 0; u < 4; ++u) {
                const i64 r = from + u * 32;
                const i64 i1 = r;
                l0[u] = n0[r];
              }
              #pragma unroll
              for (int u = 0; u < 4; ++u) {
                const i64 r = from + u * 32;
                const i64 i1 = r;
                const f32 v1 = l0[u];
                const f32 v2 = v1 - v0;
                const f32 v5 = v2 * v4;
                const f32 v6 = v5 + v3;
                const f32 v7 = __fmaf_rn(v2, v6, v3);
                q1[r] = v7;
                a1 = a1 + v7;
              }
            }
            for (; from + 0 * 32 < end; from += 1 * 32) {
              f32 l0[1];
              #pragma unroll
              for (int u = 0; u < 1; ++u) {
                const i64 r = from + u * 32;
                const i64 i1 = r;
                l0[u] = n0[r];
              }
              #pragma unroll
              for (int u = 0; u < 1; ++u) {
                const i64 r = from + u * 32;
                const i64 i1 = r;
                const f32 v1 = l0[u];
                const f32 v2 = v1 - v0;
                const f32 v5 = v2 * v4;
                const f32 v6 = v5 + v3;
                const f32 v7 = __fmaf_rn(v2, v6, v3);
                q1[r] = v7;
                a1 = a1 + v7;
              }
            }
            #pragma unroll
            for (int half = 16; half > 0; half >>= 1) {
              if (half >= width) continue;
              const f32 w1 = from_lane(a1, lane + half, width);
              a1 = a1 + w1;
            }
            if (team > 32) {
              if (lane == 0) {
                shared1[b] = a1;
              }
            }
          }
          if (team > 32) {
            __syncthreads();
            if (warp == 0) {
              if (left < count) {
                a1 = shared1[left];
              }
              if (right < count) {
                f32 w1;
                w1 = shared1[right];
                a1 = a1 + w1;
              }
              for (int rest = (count + 1) / 2; rest > 1; rest = (rest + 1) / 2) {
                const f32 w1 = from_lane(a1, left & 31, width);
                const f32 x1 = from_lane(a1, right & 31, width);
                a1 = w1;
                if (right < rest) {
                  a1 = a1 + x1;
                }
              }
              if (lane == 0) {
                for (i64 count = first / 64; (count & 1) != 0; count >>= 1) {
                  --top;
                  kept1[top] = kept1[top] + a1;
                  a1 = kept1[top];
                }
                kept1[top] = a1;
                ++top;
                if (first + count == blocks) {
                  for (; top > 1; --top) {
                    kept1[top - 2] = kept1[top - 2] + kept1[top - 1];
                  }
                  shared1[0] = kept1[0];
                }
              }
            }
            __syncthreads();
          }
        }
        if (team > 32) {
          r1 = shared1[0];
        } else {
          const f32 w1 = from_lane(a1, 0, width);
          r1 = w1;
        }
      }
      sync_team(team);
    }
    {
      if (total > 0) {
        const f32 v0 = r1;
        f32* const p2 = b2 + (s4 + s5 * i0);
        i64 from = tid;
        for (; from + 7 * team < own; from += 8 * team) {
          f32 l1[8];
          #pragma unroll
          for (int u = 0; u < 8; ++u) {
            const i64 r = from + u * team;
            const i64 i1 = r;
            l1[u] = q1[r];
          }
          #pragma unroll
          for (int u = 0; u < 8; ++u) {
            const i64 r = from + u * team;
            const i64 i1 = r;
            const f32 v1 = l1[u];
            const f32 v2 = v1 / v0;
            p2[i1] = v2;
          }
        }
        for (; from + 1 * team < own; from += 2 * team) {
          f32 l1[2];
          #pragma unroll
          for (int u = 0; u < 2; ++u) {
            const i64 r = from + u * team;
            const i64 i1 = r;
            l1[u] = q1[r];
          }
          #pragma unroll
          for (int u = 0; u < 2; ++u) {
            const i64 r = from + u * team;
            const i64 i1 = r;
            const f32 v1 = l1[u];
            const f32 v2 = v1 / v0;
            p2[i1] = v2;
          }
        }
        for (; from + 0 * team < own; from += 1 * team) {
          f32 l1[1];
          #pragma unroll
          for (int u = 0; u < 1; ++u) {
            const i64 r = from + u * team;
            const i64 i1 = r;
            l1[u] = q1[r];
          }
          #pragma unroll
          for (int u = 0; u < 1; ++u) {
            const i64 r = from + u * team;
            const i64 i1 = r;
            const f32 v1 = l1[u];
            const f32 v2 = v1 / v0;
            p2[i1] = v2;
          }
        }
      }
      sync_team(team);
    }
  }
}
