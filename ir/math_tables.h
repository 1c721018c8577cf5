// Constants of the mathematical functions, made by benchmarks/accuracy/fit.py, which says how. Coefficients
// start with the constant term. Errors are relative to the function that the polynomial is part of.
#pragma once
// clang-format off
#include <array>
#include <cstdint>

namespace tandem::math {

// (e^r - 1 - r) / r^2 (error 2^-28.0)
inline constexpr std::array<double, 5> kExpF32{
    0x1p-1, 0x1.5554a2p-3, 0x1.55567ep-5, 0x1.12305cp-7, 0x1.6b794ep-10};

// (2^r - 1) / r (error 2^-28.3)
inline constexpr std::array<double, 6> kExp2F32{
    0x1.62e43p-1, 0x1.ebfbdcp-3, 0x1.c6af7ap-5, 0x1.3b2dd8p-7, 0x1.5f096ep-10, 0x1.41746p-13};

// (sinh r - r) / (r z), z = r^2, |r| <= 1 (error 2^-31.5)
inline constexpr std::array<double, 4> kSinhF32{
    0x1.555556p-3, 0x1.1110e2p-7, 0x1.a02152p-13, 0x1.75a83ep-19};

// e^(2r), |r| <= (ln 2) / 4, for tanh in float32 (error 2^-28.2)
inline constexpr std::array<double, 7> kExpTanh{
    0x1p0, 0x1p1, 0x1.fffffcp0, 0x1.555492p0, 0x1.5558b4p-1, 0x1.12399ap-2, 0x1.6a48dp-4};

// (e^r - 1 - r) / r^2 (error 2^-63.8)
inline constexpr std::array<double, 11> kExpF64{
    0x1p-1, 0x1.555555555555ap-3, 0x1.555555555553p-5, 0x1.111111110f155p-7, 0x1.6c16c16c2754ep-10,
    0x1.a01a01b1ef6a9p-13, 0x1.a01a015078d79p-16, 0x1.71ddf365ab1cep-19, 0x1.27e5919406dfcp-22, 0x1.af66ffc7ca11ap-26,
    0x1.1e5fc191b651bp-29};

// (2^r - 1) / r (error 2^-59.7)
inline constexpr std::array<double, 12> kExp2F64{
    0x1.62e42fefa39efp-1, 0x1.ebfbdff82c58ep-3, 0x1.c6b08d704a1d5p-5, 0x1.3b2ab6fba5199p-7, 0x1.5d87fe7874053p-10,
    0x1.430912f759426p-13, 0x1.ffcbfd4ac1472p-17, 0x1.62c027191de0bp-20, 0x1.b5232ee4493e5p-24, 0x1.e4bbdfe145909p-28,
    0x1.ec76341224f8bp-32, 0x1.e060d98dc1465p-36};

// (cosh r - 1) / z, z = r^2 (error 2^-58.0)
inline constexpr std::array<double, 5> kCoshF64{
    0x1.000000000000cp-1, 0x1.555555554fd68p-5, 0x1.6c16c1863dacap-10, 0x1.a019950158008p-16, 0x1.28b1bbf9ccd26p-22};

// (sinh r - r) / (r z), z = r^2 (error 2^-65.2)
inline constexpr std::array<double, 6> kSinhF64{
    0x1.5555555555555p-3, 0x1.1111111111386p-7, 0x1.a01a019ea19a1p-13, 0x1.71de407b73849p-19, 0x1.ae4cf39f9e933p-26,
    0x1.827bb3222b8adp-33};

// (tanh(x) - x) / (x z), z = x^2, |x| <= 1 (error 2^-27.7)
inline constexpr std::array<double, 7> kTanhF32{
    -0x1.55553cp-2, 0x1.110bep-3, -0x1.b9618cp-5, 0x1.60044ap-6, -0x1.044c5ep-7, 0x1.2d5cbep-9, -0x1.771cdep-12};

// (log(1 + f) - f) / f^2 (error 2^-27.7)
inline constexpr std::array<double, 9> kLogF32{
    -0x1p-1, 0x1.555506p-2, -0x1.fffefap-3, 0x1.99d04ap-3, -0x1.559c8cp-3, 0x1.1ed5cep-3, -0x1.f32c5ep-4, 0x1.1e6bp-3,
    -0x1.07d54ap-3};

// (2 atanh(s) / s - 2) / z, z = s^2, 1 + f in [sqrt(1/2), sqrt(2)], s = f / (2 + f) (error 2^-59.5)
inline constexpr std::array<double, 7> kLogF64{
    0x1.5555555555593p-1, 0x1.999999997f9f5p-2, 0x1.249249422a89fp-2, 0x1.c71c51d7878dfp-3, 0x1.746649c10438bp-3,
    0x1.39a09388a9b49p-3, 0x1.2f1195fb52229p-3};

// the same for z <= 1/9 (error 2^-59.4)
inline constexpr std::array<double, 10> kLogOfSum{
    0x1.5555555555535p-1, 0x1.99999999a078ep-2, 0x1.2492492089a35p-2, 0x1.c71c741ded404p-3, 0x1.745cb3ca97c73p-3,
    0x1.3b1ddfd4bc369p-3, 0x1.10678dc680958p-3, 0x1.efdb870f65cf2p-4, 0x1.55a3db3872d21p-4, 0x1.5c843b55aeeaap-3};

// (3 atanh(s) / s - 3 - z) / z^2, z = s^2 (error 2^-34.5)
inline constexpr std::array<double, 3> kAtanhF32{
    0x1.3333fap-1, 0x1.b6262cp-2, 0x1.6ec3a8p-2};

// 2 / (3 ln 2)
inline constexpr std::array<double, 2> kPowScaleF32{
    0x1.ec709ep-1, -0x1.e2fe02p-28};

// (3 atanh(s) / s - 3 - z) / z^2, z = s^2 (error 2^-73.5)
inline constexpr std::array<double, 8> kAtanhF64{
    0x1.333333333333p-1, 0x1.b6db6db6dc91dp-2, 0x1.55555554141b4p-2, 0x1.1745d22b94fbbp-2, 0x1.d89d10f55a058p-3,
    0x1.99b187de71031p-3, 0x1.669d1f862264ap-3, 0x1.709b81480f934p-3};

// 2 / (3 ln 2)
inline constexpr std::array<double, 2> kPowScaleF64{
    0x1.ec709dc3a03fdp-1, 0x1.d27f05548af0cp-55};

// the same for log2 (error 2^-27.7)
inline constexpr std::array<double, 9> kLog2F32{
    -0x1.715476p-1, 0x1.ec703p-2, -0x1.7153ep-2, 0x1.279d6ep-2, -0x1.ecd0dcp-3, 0x1.9de5fap-3, -0x1.684f54p-3,
    0x1.9cdd1ap-3, -0x1.7bdccep-3};

// (sin r - r) / (r z), z = r^2, |r| <= pi/2 (error 2^-35.3)
inline constexpr std::array<double, 5> kSinHalf{
    -0x1.5555554761fdfp-3, 0x1.11110c4800965p-7, -0x1.a017d8f4b5b53p-13, 0x1.7170699fcbc5dp-19,
    -0x1.9a6680e4dc892p-26};

// (sin r - r) / (r z), |r| <= pi/4, for a float32 result (error 2^-37.6)
inline constexpr std::array<double, 4> kSinTan{
    -0x1.5555554cb76cap-3, 0x1.1111089474cd6p-7, -0x1.a00f9c25b0c02p-13, 0x1.6cd7fb54363e1p-19};

// (cos r - 1 + z / 2) / z^2, for a float32 result (error 2^-43.2)
inline constexpr std::array<double, 4> kCosTan{
    0x1.5555554f4c7bcp-5, -0x1.6c16b896d4f06p-10, 0x1.a0111ed61a0b5p-16, -0x1.242a8f497fb8ap-22};

// tan r / r = P(z) / Q(z), z = r^2, |r| <= pi/4, for a float32 result: P (error 2^-26.1)
inline constexpr std::array<double, 2> kTanAbove{
    0x1.ffffff861e013p-1, -0x1.8867ac64f6d3ep-4};

// Q
inline constexpr std::array<double, 3> kTanBelow{
    0x1p0, -0x1.b76f6d914ba82p-2, 0x1.3e6793624932ap-7};

// (sin r - r) / (r z), |r| <= pi/4 (error 2^-58.0)
inline constexpr std::array<double, 6> kSinF64{
    -0x1.5555555555549p-3, 0x1.111111110f8a2p-7, -0x1.a01a019c154d4p-13, 0x1.71de357a3bf2bp-19,
    -0x1.ae5e67d39b05ep-26, 0x1.5d9362daa8c95p-33};

// (cos r - 1 + z / 2) / z^2 (error 2^-64.2)
inline constexpr std::array<double, 6> kCosF64{
    0x1.555555555554cp-5, -0x1.6c16c16c1521cp-10, 0x1.a01a019cbee0cp-16, -0x1.27e4f812397b8p-22,
    0x1.1ee9f0ec277e8p-29, -0x1.8fb0f439bfd41p-37};

// pi in parts of 53 bits
inline constexpr std::array<double, 3> kPi{
    0x1.921fb54442d18p1, 0x1.1a62633145c07p-53, -0x1.f1976b7ed8fbcp-109};

// ln 2, the first part short enough for exact products with exponents
inline constexpr std::array<double, 2> kLn2F32{
    0x1.62e4p-1, 0x1.7f7d1cp-20};

// the same for float64
inline constexpr std::array<double, 2> kLn2F64{
    0x1.62e42fefa4p-1, -0x1.8432a1b0e2634p-43};

// 1 / ln 2
inline constexpr std::array<double, 2> kLog2eF32{
    0x1.715476p0, 0x1.4ae0cp-26};

// 1 / ln 2
inline constexpr std::array<double, 2> kLog2eF64{
    0x1.71547652b82fep0, 0x1.777d0ffda0d24p-56};

// The first 1280 binary digits of 2/pi after the point.
inline constexpr std::array<uint64_t, 20> kTwoOverPi{
    0xa2f9836e4e441529, 0xfc2757d1f534ddc0, 0xdb6295993c439041, 0xfe5163abdebbc561,
    0xb7246e3a424dd2e0, 0x06492eea09d1921c, 0xfe1deb1cb129a73e, 0xe88235f52ebb4484,
    0xe99c7026b45f7e41, 0x3991d639835339f4, 0x9c845f8bbdf9283b, 0x1ff897ffde05980f,
    0xef2f118b5a0a6d1f, 0x6d367ecf27cb09b7, 0x4f463f669e5fea2d, 0x7527bac7ebe5f17b,
    0x3d0739f78a5292ea, 0x6bfb5fb11f8d5d08, 0x56033046fc7b6bab, 0xf0cfbc209af4361d};

// erf(x) / x - 1 by u = x^2 - 1/2, |x| <= 1 (error 2^-29.1)
inline constexpr std::array<double, 7> kErfF32{
    -0x1.1ae14ep-5, -0x1.1fd164p-2, 0x1.454374p-4, -0x1.2b8da2p-6, 0x1.c817dap-9, -0x1.288cdcp-11, 0x1.4fee6p-14};

// erf(x) / x - 1 by u = x^2 - 1/2, |x| <= 1 (error 2^-59.4)
inline constexpr std::array<double, 15> kErfF64{
    -0x1.1ae14dc34815ap-5, -0x1.1fd16292151fdp-2, 0x1.454368017b059p-4, -0x1.2b902b7b2f552p-6, 0x1.c82aa249d516dp-9,
    -0x1.263991b74b642p-11, 0x1.486638d7d55bep-14, -0x1.429e966d663dbp-17, 0x1.1ad5a82315409p-20,
    -0x1.bf84902f30003p-24, 0x1.4347a7fa21747p-27, -0x1.babff13315a5dp-31, 0x1.18075e2630996p-38,
    0x1.1810f93a6961p-35, 0x1.fdc47cbe3123dp-35};

// -log2(erfc(a)) / a, a in [1, 4] (error 2^-33.0)
inline constexpr std::array<double, 8> kErfcF32{
    0x1.a0d34cp0, 0x1.d55a9cp-1, 0x1.383308p-3, -0x1.10d9f8p-5, 0x1.2c9498p-8, -0x1.a0c68ap-13, -0x1.5a62c2p-15,
    0x1.59cab2p-18};

// exp(a^2) erfc(a) by t = (a - 2) / (a + 2), a in [1, 6]; error as part of erf (error 2^-63.5)
inline constexpr std::array<double, 15> kErfcF64{
    0x1.058671b52c776p-2, -0x1.b57034efd3f71p-2, 0x1.eeea7dc8a77efp-3, -0x1.437f0b68c26acp-4, 0x1.e9471598cf74dp-9,
    0x1.ca95ed64ce142p-8, -0x1.bc25a32d0aa65p-11, -0x1.016b690c069dfp-10, 0x1.6d560d3b45fbbp-15,
    0x1.6dabe0d3e1d65p-13, 0x1.cf548a0415172p-16, -0x1.cb80c7c74a32bp-16, -0x1.e0cfb7927ba2bp-17,
    -0x1.58c090bad771cp-21, 0x1.d72f13c810c5fp-21};

// log10(2), the first part short enough for exact products with exponents
inline constexpr std::array<double, 2> kLog10Of2{
    0x1.34413509f8p-2, -0x1.80433b83b532ap-44};

// 1 / ln 10
inline constexpr std::array<double, 2> kLog10e{
    0x1.bcb7b1526e50ep-2, 0x1.95355baaafad3p-57};

// (atan t - t) / (t z), z = t^2 <= 1/4 (error 2^-27.5)
inline constexpr std::array<double, 5> kAtanF32{
    -0x1.555512p-2, 0x1.997b06p-3, -0x1.2249b2p-3, 0x1.9ffb98p-4, -0x1.a3dabp-5};

// (asin t - t) / (t z), z = t^2 <= 1/4 (error 2^-27.6)
inline constexpr std::array<double, 5> kAsinF32{
    0x1.5555c8p-3, 0x1.330202p-4, 0x1.747c0cp-5, 0x1.8c3a14p-6, 0x1.5960aap-5};

// (atan t - t) / (t z), z = t^2 <= 0.25 (error 2^-57.8)
inline constexpr std::array<double, 12> kAtanF64{
    -0x1.5555555555516p-2, 0x1.999999999113ap-3, -0x1.249249215da15p-3, 0x1.c71c7090cdd01p-4, -0x1.745cf4c844dbcp-4,
    0x1.3b113d8f90c34p-4, -0x1.10f31d0663c14p-4, 0x1.dfe95a524ed81p-5, -0x1.a397ddac439adp-5, 0x1.56f43a55d39p-5,
    -0x1.c17ab5632aed4p-6, 0x1.4b7cb5726f5a2p-7};

// (asin t - t) / (t z), z = t^2 <= 1/4 (error 2^-55.9)
inline constexpr std::array<double, 12> kAsinF64{
    0x1.555555555539p-3, 0x1.333333336e87cp-4, 0x1.6db6db42736b9p-5, 0x1.f1c72c3bc1d2p-6, 0x1.6e89f3f3763a8p-6,
    0x1.1c6be6a35f3b1p-6, 0x1.c6fd576a3b2b9p-7, 0x1.8ec5e14aeb31fp-7, 0x1.abb513d035674p-8, 0x1.40076808c1ed6p-6,
    -0x1.09f1a37ebb5fbp-6, 0x1.057833d56c28cp-5};

// pi/2 in parts of 24 bits
inline constexpr std::array<double, 2> kHalfPiF32{
    0x1.921fb6p0, -0x1.777a5cp-25};

// 3 pi/4
inline constexpr std::array<double, 2> kThreeQuarterPiF32{
    0x1.2d97c8p1, -0x1.99bc5cp-28};

}  // namespace tandem::math
